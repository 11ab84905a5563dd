"""`recalibrate`: exact population statistics for the batch norms of a live session."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Callable, Iterable, Mapping, Sequence

from slimfix.checkpoint.writer import check_prefix_is_free, new_checkpoint
from slimfix.errors import RecalibrationError, explain
from slimfix.graph.layers import view_graph
from slimfix.recalibration.feeds import opener_of
from slimfix.recalibration.plan import ONE_PASS, plan_recalibration
from slimfix.recalibration.record import Recalibration
from slimfix.recalibration.run import run_plan
from slimfix.recalibration.variables import restored_on_failure
from slimfix.saving.saver import build_saver


def recalibrate(
    session: Any,
    batches: Iterable[Mapping[Any, Any]] | Callable[[], Iterable[Mapping[Any, Any]]],
    *,
    method: str = ONE_PASS,
    scopes: str | Sequence[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Recalibration:
    """Writes the mean and variance of each batch norm's input, over all batches, into the session.

    For statistics that are wrong (UPDATE_OPS forgotten), missing (saved with
    Saver(tf.trainable_variables())) or stale. Nothing is estimated by a moving average: the
    moments of every batch are computed in float64 inside the graph and pooled exactly. The
    variance is that of the population, divided by N; a fused op in training would have stored
    N/(N-1) times each batch's. Update ops are not run.

    'one_pass' runs the graph in training mode and measures all layers in one pass over the data:
    each layer sees what it sees in training, where the layers before it normalise with the batch.
    What shares the switch, dropout for one, is then active as well; batches should be as large as
    in training. 'layer_by_layer' runs the graph in inference mode, one pass for each level of
    layers, each measured when those before it hold their new statistics: afterwards the moving
    statistics are the moments of what inference feeds each layer, whatever the size of batches.

    The switch of each layer (`BatchNormLayer.switch`) gets the method's value, whatever the feed
    says; one that is a variable is set, and put back. What else the graph asks for, other
    switches among it, comes from the feed. The graph gains a few ops for each layer.
    zero_debias and renorm statistics are set to go with the new ones, so that training can go on.

    Args:
      session: tf.Session, its variables initialized; its graph must not be finalized.
      batches: feed dicts from tensors or tensor names to arrays, `[{}] * 100` for a graph with its
        own input pipeline. A function that returns a fresh iterable if they cannot be read twice.
      method: 'one_pass' or 'layer_by_layer'.
      scopes: only the batch norms inside these scopes, e.g. ['net/block1']; all if None. The
        others normalise as the feed says ('one_pass') or with their stored statistics.
      output: prefix of a new checkpoint of the session, with its .meta; none if None.
      progress: draw a bar on standard error; if None, where that is a terminal.
    Returns: Recalibration; print it for a table of what was off.
    Raises:
      UsageError: an argument is wrong, the batches leave something out, `output` exists.
      OutputError: the disk is full, or another run wrote `output` meanwhile.
      RecalibrationError: a layer cannot be measured with this method, or a batch is not finite. In
        this and any other failure, KeyboardInterrupt too, all statistics are put back.
    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2, and for 'one_pass' Wu and Johnson
      2021, arXiv 2105.07576, section 3, "PreciseBN". Both average over mini-batches; here they are
      pooled, whatever their sizes, as Chan, Golub and LeVeque 1979 have it: see population.pool.
    """
    graph = session.graph
    if output is not None:
        output = check_prefix_is_free(output)
    _refuse_finalized(graph)
    view = view_graph(graph)
    plan = plan_recalibration(view, method, scopes)
    open_batches = opener_of(batches, len(plan.passes))
    save = None if output is None else _prepare_saving(session, output)
    with restored_on_failure(session, view, plan.statistics) as before:
        record = run_plan(session, view, plan, before, open_batches, progress)
        if save is not None:
            save()
    return dataclasses.replace(record, checkpoint=output)


def _prepare_saving(session: Any, output: str) -> Callable[[], None]:
    """Returns what writes the checkpoint; its .meta is of the graph as it is now."""
    import tensorflow.compat.v1 as tf

    with session.graph.as_default(), tf.control_dependencies(None):
        saver = build_saver()
        meta_graph = saver.export_meta_graph()

    def save() -> None:
        with new_checkpoint(output) as temporary:
            saver.save(session, temporary, write_meta_graph=False, write_state=False)
            with open(temporary + ".meta", "wb") as file:
                file.write(meta_graph.SerializeToString())

    return save


def _refuse_finalized(graph: Any) -> None:
    if graph.finalized:
        raise RecalibrationError(
            explain(
                "Cannot recalibrate in a finalized graph: the ops that measure must be added to it",
                cause="the session is a MonitoredSession or a Supervisor's.",
                fix="restore the checkpoint in a tf.Session of the same graph before it is "
                "finalized, or run `slimfix recalibrate` on the checkpoint.",
            )
        )
