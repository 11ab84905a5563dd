"""Carries out a plan in a session: measures and writes, pass by pass."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np

from slimfix.errors import RecalibrationError, UsageError, explain
from slimfix.graphdef.view import GraphView
from slimfix.progress import show_progress
from slimfix.recalibration.feeds import PLACEHOLDER_OPS, read_feed, refuse_unfed
from slimfix.recalibration.measuring import measure
from slimfix.recalibration.plan import ONE_PASS, Plan, Target
from slimfix.recalibration.population import Moments
from slimfix.recalibration.record import RecalibratedLayer, Recalibration
from slimfix.recalibration.statistics import extra_value
from slimfix.recalibration.variables import assign_variables, switched


def run_plan(
    session: Any,
    view: GraphView,
    plan: Plan,
    before: Mapping[str, np.ndarray],
    open_batches: Callable[[], Iterable[Mapping[Any, Any]]],
    progress: bool | None,
) -> Recalibration:
    """Returns the record of what was written.

    Args:
      session: a session whose graph is not finalized.
      view: of that graph.
      plan: for that graph.
      before: the values of `plan.statistics`; the caller puts them back if this raises.
      open_batches: gives the feed dicts of one pass.
      progress: whether to draw a bar; if None, where standard error is a terminal.
    Raises: as `recalibrate`.
    """
    after: dict[str, np.ndarray] = {}
    populations: list[Moments] = []
    batches: list[int] = []
    with switched(session, view, plan.switches) as switches:
        for targets in plan.passes:
            label = f"pass {len(batches) + 1} of {len(plan.passes)}"
            with contextlib.closing(show_progress(open_batches(), label, progress)) as shown:
                feeds = _feeds(session.graph, view, plan, shown, switches)
                found, number = measure(session, targets, feeds, plan.method == ONE_PASS)
            populations += found
            batches.append(number)
            _refuse_uneven(batches)
            new = _new_values(targets, found, before)
            assign_variables(session, view, new)  # The next pass normalises with them.
            after.update(new)
    # Updates that are forced in place may have moved statistics, of other layers too.
    assign_variables(session, view, {**before, **after})
    return Recalibration(
        layers=tuple(
            _layer_record(target, moments, before, after)
            for target, moments in zip(plan.targets, populations)
        ),
        method=plan.method,
        passes=len(batches),
        batches=batches[0],
        variables=tuple(after),
        checkpoint=None,
    )


def _feeds(
    graph: Any,
    view: GraphView,
    plan: Plan,
    batches: Iterable[Mapping[Any, Any]],
    switches: Mapping[str, bool],
) -> Iterator[dict[str, Any]]:
    for number, batch in enumerate(batches):
        feed = {**read_feed(graph, batch), **switches}
        if number == 0:
            refuse_unfed(view, plan.inputs, feed, PLACEHOLDER_OPS)
        yield feed


def _refuse_uneven(batches: list[int]) -> None:
    if batches[-1] != batches[0]:
        raise UsageError(
            explain(
                f"Pass {len(batches)} read {batches[-1]} batches, and pass 1 read {batches[0]}",
                cause="the function gives an iterator that had been read before, or other data "
                "each time.",
                fix="let every pass give the same batches.",
            )
        )


def _new_values(
    targets: Iterable[Target], found: Iterable[Moments], before: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the statistics to write, by variable name, in each variable's shape and dtype."""
    values: dict[str, Any] = {}
    for target, moments in zip(targets, found):
        values[target.moving_mean] = moments.mean
        values[target.moving_variance] = moments.variance
        for extra in target.extras:
            dtype = np.asarray(before[extra]).dtype
            values[extra] = extra_value(
                extra, moments, target.moving_variance, target.epsilon, dtype
            )
    new = {name: _shaped_like(before[name], value) for name, value in values.items()}
    too_large = [name for name, value in new.items() if not np.all(np.isfinite(value))]
    if too_large:
        raise RecalibrationError(
            explain(
                f"Cannot hold {len(too_large)} of {len(new)} statistics",
                [f"'{name}': beyond the range of {new[name].dtype}" for name in too_large],
                cause="the network's activations have diverged.",
            )
        )
    return new


def _shaped_like(variable: np.ndarray, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.size == np.size(variable):
        array = array.reshape(np.shape(variable))
    with np.errstate(over="ignore"):
        return np.broadcast_to(array, np.shape(variable)).astype(np.asarray(variable).dtype)


def _layer_record(
    target: Target,
    moments: Moments,
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
) -> RecalibratedLayer:
    mean, variance = target.moving_mean, target.moving_variance
    return RecalibratedLayer(
        scope=target.scope,
        elements=moments.count,
        uses=len(target.sources),
        epsilon=target.epsilon,
        old_mean=before[mean],
        old_variance=before[variance],
        new_mean=after[mean],
        new_variance=after[variance],
    )
