"""`recalibrate_checkpoint`: a checkpoint and its `.meta` in, a new checkpoint out."""

from __future__ import annotations

import dataclasses
import os
import shutil
from typing import Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.checkpoint import Checkpoint, meta_beside, read_checkpoint
from slimfix.checkpoint.writer import check_prefix_is_free, new_checkpoint, write_checkpoint
from slimfix.errors import CheckpointMismatchError, UsageError, explain, naming
from slimfix.graph.layers import view_graph
from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.variables import trace_variable
from slimfix.graphdef.view import GraphView
from slimfix.paths import as_path
from slimfix.recalibration.accuracy import Exam, plan_exam, take_exam
from slimfix.recalibration.arrays import by_tensor_name, cut_batches, read_arrays
from slimfix.recalibration.feeds import DATA_OPS, refuse_unfed
from slimfix.recalibration.imported import find_missing, open_session
from slimfix.recalibration.plan import ONE_PASS, Plan, plan_recalibration
from slimfix.recalibration.record import Recalibration
from slimfix.recalibration.run import run_plan
from slimfix.recalibration.variables import read_variables


@dataclasses.dataclass(frozen=True)
class CheckpointRecalibration:
    """What `recalibrate_checkpoint` did.

    Attributes:
      recalibration: the record of the layers; its `checkpoint` is the new one.
      added: names of the statistics that the old checkpoint did not have.
      shadows: names of the exponential moving averages of statistics, copied as they were.
      accuracy_before, accuracy_after: shares of the test examples, None without test data.
        Before is what a user of the old checkpoint gets: initial values where it has none.
      examples: how many test examples there were.
    """

    recalibration: Recalibration
    added: tuple[str, ...]
    shadows: tuple[str, ...]
    accuracy_before: float | None
    accuracy_after: float | None
    examples: int

    def __str__(self) -> str:
        """The table of layers and what else there is to say, in at most 100 columns."""
        lines = [str(self.recalibration)]
        if self.added:
            lines.append(
                f"{len(self.added)} statistics were not in the old checkpoint. The Saver in its "
                "graph may leave them out:\n  restore the new one with a Saver that you build, or "
                "with slimfix.restore."
            )
        if self.shadows:
            lines.append(
                f"{len(self.shadows)} ExponentialMovingAverage shadows of statistics are copied "
                "as they were."
            )
        if self.accuracy_before is not None and self.accuracy_after is not None:
            lines.append(
                f"Accuracy on {self.examples} test examples: {self.accuracy_before:.4f} before, "
                f"{self.accuracy_after:.4f} after"
            )
        return "\n".join(lines)


def recalibrate_checkpoint(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    data: Mapping[str, np.ndarray] | str | os.PathLike[str],
    *,
    meta: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
    method: str = ONE_PASS,
    scopes: str | Sequence[str] | None = None,
    test_data: Mapping[str, np.ndarray] | str | os.PathLike[str] | None = None,
    outputs: str | None = None,
    allow_ops: str | Sequence[str] = (),
    progress: bool | None = None,
) -> CheckpointRecalibration:
    """Writes a new checkpoint with moving statistics computed anew; see `recalibrate`.

    All that the old checkpoint holds is in the new one, bit for bit, but for the statistics, which
    keep the names that the Saver of the `.meta` gave them. The `.meta` is copied beside it. It may
    be a training graph of TensorFlow 1.15: only the part that leads to the layers is imported, in
    a graph and session of its own.

    Args:
      checkpoint: prefix; V1 or V2. It may lack moving statistics, and nothing else that leads to
        the layers.
      output: prefix of the new checkpoint, V2; nothing may be there, and its folder exists.
      data: arrays by tensor name, 'images' or 'images:0', or the path of an .npz file of such; the
        first dimension counts examples. An array without dimensions, such as keep_prob, goes into
        every batch.
      meta: path of the graph; `checkpoint` + '.meta' if None.
      batch_size: examples per batch; the last may be smaller. For 'one_pass', that of training.
      method, scopes, progress: as `recalibrate` takes them.
      test_data: arrays like data, and 'labels', integers [examples]: to measure accuracy.
      outputs: tensor name of the logits, [examples, classes]; goes with test_data.
      allow_ops: op types that may run although they do more than compute, e.g. 'PyFunc', for a
        graph that you trust. What lies above the tensors that are fed is not run.
    Returns: CheckpointRecalibration; print it for the report.
    Raises:
      UsageError: an argument is wrong, something is at `output`, an input has no data.
      CheckpointError: a file is missing or damaged.
      UnsafeGraphError: what leads to the layers needs ops that do more than compute, not in
        `allow_ops`.
      OutputError: the disk is full, or another run wrote `output` meanwhile.
      CheckpointMismatchError: the checkpoint is not of this graph.
      RecalibrationError: as `recalibrate`. Whatever is raised, nothing is left at `output`.
    """
    output = check_prefix_is_free(output)
    data = _read(data)
    test_data = None if test_data is None else _read(test_data)
    if (test_data is None) != (outputs is None):
        raise UsageError("test_data and outputs go together: give both or neither")
    old = read_checkpoint(checkpoint)
    meta = meta_beside(old.prefix) if meta is None else as_path(meta, "meta file")
    with naming(meta):
        return _recalibrate(
            old,
            output,
            data,
            meta,
            batch_size,
            method,
            scopes,
            test_data,
            outputs,
            [allow_ops] if isinstance(allow_ops, str) else allow_ops,
            progress,
        )


def _read(data: Mapping[str, np.ndarray] | str | os.PathLike[str]) -> Mapping[str, np.ndarray]:
    return data if isinstance(data, Mapping) else read_arrays(as_path(data, "data file"))


def _recalibrate(
    old: Checkpoint,
    output: str,
    data: Mapping[str, np.ndarray],
    meta: str,
    batch_size: int,
    method: str,
    scopes: str | Sequence[str] | None,
    test_data: Mapping[str, np.ndarray] | None,
    outputs: str | None,
    allow_ops: Sequence[str],
    progress: bool | None,
) -> CheckpointRecalibration:
    meta_graph = read_meta(meta)
    view = view_graph(meta_graph)
    plan = plan_recalibration(view, method, scopes)
    batches = _cut(view, plan, data, batch_size)
    exam = None
    if test_data is not None and outputs is not None:
        exam = plan_exam(view, test_data, outputs, batch_size)
    written = [name for target in plan.targets for name in target.variables]
    switches = [trace_variable(view, tensor) for tensor in plan.switches]
    plain = GraphView.from_graph_def(meta_graph.graph_def)
    _refuse_lacking(plain, [name for name in plan.statistics if name not in written], old)
    with open_session(
        meta_graph.graph_def,
        plain,
        tensors=[*plan.inputs, *plan.switches, *([exam.output] if exam else [])],
        checkpoint=old,
        free=[*written, *(name for name in switches if name)],
        fed=_always_fed(batches, exam),
        allow_ops=allow_ops,
    ) as (session, keys):
        before = take_exam(session, plain, exam) if exam else None
        held = [name for name in plan.statistics if name in keys]
        values = read_variables(session, plain, held)
        record = run_plan(session, plain, plan, values, lambda: batches, progress)
        after = take_exam(session, plain, exam) if exam else None
        new = read_variables(session, plain, written)
    stored = {keys[name]: value for name, value in new.items()}
    _write(output, old, stored, meta)
    return CheckpointRecalibration(
        recalibration=dataclasses.replace(record, checkpoint=output),
        added=tuple(name for name in stored if name not in old.variables),
        shadows=tuple(name for name in map(names.shadow_name, stored) if name in old.variables),
        accuracy_before=before,
        accuracy_after=after,
        examples=len(exam.labels) if exam else 0,
    )


def _always_fed(batches: Sequence[Mapping[str, np.ndarray]], exam: Exam | None) -> set[str]:
    """Returns the names of the tensors that are fed in every run."""
    kinds = [batches, *([exam.batches] if exam else [])]
    return set.intersection(*(set(kind[0]) for kind in kinds))


def _refuse_lacking(view: GraphView, statistics: Sequence[str], old: Checkpoint) -> None:
    lacking = find_missing(view, statistics, old)
    if lacking:
        raise CheckpointMismatchError(
            explain(
                f"The new checkpoint would lack {len(lacking)} moving statistics",
                [repr(name) for name in lacking],
                cause="the old checkpoint lacks them, and scopes leaves their layers out.",
                fix="name these layers in scopes too, or give no scopes.",
            )
        )


def _cut(
    view: GraphView, plan: Plan, data: Mapping[str, np.ndarray], batch_size: int
) -> list[dict[str, np.ndarray]]:
    """Returns feed dicts with what leads to the layers, or raises UsageError if more is needed."""
    fed = by_tensor_name(data, list(view.nodes))
    refuse_unfed(view, plan.inputs, [*fed, *plan.switches], DATA_OPS)
    needed = view.ancestors(names.split_tensor_name(tensor)[0] for tensor in plan.inputs)
    return cut_batches(
        {name: array for name, array in fed.items() if names.split_tensor_name(name)[0] in needed},
        batch_size,
    )


def _write(output: str, old: Checkpoint, new: Mapping[str, np.ndarray], meta: str) -> None:
    arrays = {name: old.read(name) for name in old.variables if name not in new}
    with new_checkpoint(output) as temporary:
        write_checkpoint(temporary, {**arrays, **new})
        shutil.copyfile(meta, temporary + ".meta")
