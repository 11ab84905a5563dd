"""Judges moving statistics by their values before and after some training steps."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Sequence

import numpy as np

from slimfix import names
from slimfix.errors import count, explain
from slimfix.graphdef.batch_norm import BatchNormLayer

_DEVIATIONS = ("moving_stddev", "renorm_stddev")  # Of renorm; not negative either.


class Problem(enum.Enum):
    """What can be wrong with a moving statistic: (likely cause, fix)."""

    STILL = (
        "the train op does not run the update ops of the layers that did not move.",
        "build the train op with slimfix.create_train_op, or name layers that are meant to stay "
        "in frozen_scopes.",
    )
    DECAY = (
        "with a decay of 1 an update keeps all of the old value.",
        "build the layer with a decay below 1, e.g. 0.99.",
    )
    NOT_FINITE = (
        "a batch held NaN or infinity, or training diverged.",
        "look for NaN in the inputs, lower the learning rate, and go back to a checkpoint from "
        "before.",
    )
    NEGATIVE = (
        "no update makes a variance negative, so that something else assigned it, e.g. a restore "
        "under a wrong name.",
        "look for what else assigns it, and restore or recalibrate it.",
    )
    MOVED = (
        "the train op still runs the update ops of a layer that was meant to stay.",
        "hand the same frozen_scopes to slimfix.create_train_op, or build the layer with "
        "is_training=False.",
    )


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that is wrong with one moving statistic.

    Attributes:
      scope: of its layer.
      statistic: variable name below the scope, e.g. 'moving_mean'.
      problem: what is wrong.
      text: what is wrong in words, with the range of its values.
    """

    scope: str
    statistic: str
    problem: Problem
    text: str


def find_faults(
    layer: BatchNormLayer,
    variable: str,
    before: np.ndarray,
    after: np.ndarray,
    batch: np.ndarray | None,
    steps: int,
    frozen: bool,
) -> list[Fault]:
    """Returns what is wrong with one statistic of a layer.

    It moved if any element changed, bit for bit. One that stood still is at fault unless
    `is_settled` says that the updates could not move it. The further statistics of zero_debias
    and renorm need not move, for they may be done before moving_mean is.

    Args:
      layer: the layer; its decay is read.
      variable: variable name of the statistic.
      before, after: its values, [channels] for most, before and after the steps.
      batch: the same statistic of one batch of these steps; None where the graph shows none.
      steps: how many steps lie between, for the text.
      frozen: it must not move, instead.
    """
    problems = []
    finite = np.isfinite(after)
    if before.tobytes() != after.tobytes():
        if frozen:
            change = np.abs(after.astype(np.float64) - before.astype(np.float64)).max()
            problems.append((Problem.MOVED, f"is frozen and moved by up to {change:.6g}"))
    elif not frozen and variable not in layer.extras and finite.all():  # NaN stays NaN.
        if layer.decay == 1.0:
            problems.append((Problem.DECAY, "did not move, for its decay is 1"))
        elif batch is None or not is_settled(after, batch, layer.decay):
            problems.append((Problem.STILL, f"did not move in {count(steps, 'step')}"))
    if not finite.all():
        problems.append((Problem.NOT_FINITE, f"is not finite in {_share(~finite)}"))
    if variable == layer.moving_variance or names.last_part(variable) in _DEVIATIONS:
        with np.errstate(invalid="ignore"):
            negative = after < 0
        if negative.any():
            problems.append((Problem.NEGATIVE, f"is negative in {_share(negative)}"))
    inside = variable.startswith(layer.scope + "/")
    statistic = variable[len(layer.scope) + 1 :] if inside else variable
    return [
        Fault(layer.scope, statistic, problem, f"{text}; {describe_range(after)}")
        for problem, text in problems
    ]


def is_settled(moving: np.ndarray, batch: np.ndarray, decay: float | None) -> bool:
    """Tells whether an update from this batch could leave a statistic as it is, bit for bit.

    An update subtracts (moving - batch) * (1 - decay). Where that is no more than the gap between
    neighbouring floats, rounding may lose it: in dead channels, whose mean is 0 for every batch,
    and where training has converged. Numbers below the smallest normal one count as 0, as in
    TensorFlow's kernels.

    Args:
      moving, batch: the statistic, and that of the batch: as many values, of one dtype.
      decay: of the layer; None if unknown, then only values a gap apart are taken as settled.
    """
    rate = 1.0 if decay is None else 1.0 - decay
    moving = moving.ravel()
    gap = np.maximum(np.spacing(np.abs(moving)), np.finfo(moving.dtype).tiny)
    with np.errstate(invalid="ignore"):
        step = np.abs(moving.astype(np.float64) - batch.astype(np.float64).ravel()) * rate
        return bool(np.all(step <= gap))  # False where one is NaN.


def describe_range(values: np.ndarray) -> str:
    """Returns the range of the values in words, of the finite ones where some are not."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "no value is finite"
    low, high = float(finite.min()), float(finite.max())
    kept = "values" if finite.size == values.size else "the others"
    return f"{kept} all {low:.6g}" if low == high else f"{kept} from {low:.6g} to {high:.6g}"


def explain_faults(faults: Sequence[Fault], layers: int) -> str:
    """Returns the text of the error about these faults.

    Args:
      faults: at least one.
      layers: how many batch-norm layers were checked.
    """
    scopes = {fault.scope for fault in faults}
    problems = list(dict.fromkeys(fault.problem for fault in faults))
    causes, fixes = zip(*(problem.value for problem in problems))
    return explain(
        f"Training does not keep the moving statistics of {len(scopes)} of "
        f"{count(layers, 'batch-norm layer')} right",
        # Layers that share variables share their faults.
        list(dict.fromkeys(f"'{each.scope}': {each.statistic} {each.text}" for each in faults)),
        cause=_join(causes),
        fix=_join(fixes),
    )


def _join(sentences: Sequence[Any]) -> str:
    return " ".join([sentences[0], *(each[0].upper() + each[1:] for each in sentences[1:])])


def _share(which: np.ndarray) -> str:
    return f"{int(which.sum())} of {count(which.size, 'value')}"
