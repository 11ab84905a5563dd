"""Guesses about pooling: what of a window is taken, and whether padding counts."""

from __future__ import annotations

from typing import Any, Iterator, Sequence

import numpy as np

from slimfix.parity.diagnosis.chain import Repair, Step
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.segment import Segment

_OTHER = {"Max": "Average", "Average": "Max"}


def is_pooling(step: Step) -> bool:
    """Tells whether a step pools windows."""
    return _taken(step) is not None and not step.kind.startswith("Global")


def _taken(step: Step) -> str | None:
    """Returns 'Max' or 'Average', None for what does not pool."""
    kind = step.kind[len("Global") :] if step.kind.startswith("Global") else step.kind
    found = [taken for taken in _OTHER if kind.startswith(f"{taken}Pooling")]
    return found[0] if found else None


def guess_pooling(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guesses that the other kind of pooling is meant, or that padding counts."""
    step = segment.chain.steps[index]
    taken = _taken(step)
    if taken is None:
        return
    other = _OTHER[taken]
    text = f"{taken.lower()} in place of {other.lower()}"
    if step.kind.startswith("Global"):
        yield Hypothesis(text, {index: _global(step, other)})
        return
    pads = _own_pads(segment, index)
    yield Hypothesis(text, {index: pool(step, pads, taken=other)})
    if taken == "Average" and np.any(pads):
        text = "average without its padding in place of with it"
        yield Hypothesis(text, {index: pool(step, pads, counted=True)})
    before = segment.chain.steps[index - 1] if index else None
    if before is not None and before.kind.startswith("ZeroPadding") and not np.any(pads):
        padding = before.config["padding"]
        pairs = [padding] if np.ndim(padding) == 1 else padding
        repairs: dict[int, Repair] = {
            index - 1: lambda values: values,
            index: pool(step, [tuple(pair) for pair in pairs]),
        }
        text = {
            "Average": "average with its padding in place of without it",
            "Max": "maximum over padded zeros in place of over the data alone",
        }[taken]
        yield Hypothesis(text, repairs)


def pool(
    step: Step,
    pads: Sequence[tuple[int, int]],
    taken: str | None = None,
    counted: bool = False,
    strides: Sequence[int] | None = None,
) -> Repair:
    """Returns a pooling of windows, channels last, with explicit padding.

    Args:
      step: a pooling; gives what the other arguments do not.
      pads: (before, after) along each spatial axis.
      taken: 'Max' or 'Average' of each window.
      counted: whether padded zeros count in an average.
      strides: along each spatial axis.
    """
    sizes = tuple(step.operation.pool_size)
    steps = tuple(strides or step.operation.strides)
    taken = taken or _taken(step)

    def windows(values: np.ndarray, filling: float) -> np.ndarray:
        padded = np.pad(values, ((0, 0), *pads, (0, 0)), constant_values=filling)
        axes = tuple(range(1, 1 + len(sizes)))
        found = np.lib.stride_tricks.sliding_window_view(padded, sizes, axes)
        every = tuple(slice(None, None, stride) for stride in (1, *steps))
        return found[every]

    def pooled(values: Any) -> np.ndarray:
        values = np.asarray(values)
        inside = tuple(range(-len(sizes), 0))
        if taken == "Max":
            return np.max(windows(values, -np.inf), inside)
        if counted:
            return np.mean(windows(values, 0.0), inside)
        number = np.sum(windows(np.ones_like(values), 0.0), inside)
        return np.sum(windows(values, 0.0), inside) / number

    return pooled


def _global(step: Step, taken: str) -> Repair:
    keep = bool(step.config.get("keepdims"))

    def pooled(values: Any) -> np.ndarray:
        values = np.asarray(values)
        space = tuple(range(1, values.ndim - 1))
        reduced = np.max if taken == "Max" else np.mean
        return np.asarray(reduced(values, axis=space, keepdims=keep))

    return pooled


def _own_pads(segment: Segment, index: int) -> list[tuple[int, int]]:
    step = segment.chain.steps[index]
    sizes, strides = step.operation.pool_size, step.operation.strides
    before = segment.chain.inputs(index)[0].shape[1:-1]
    if step.config["padding"] == "valid":
        return [(0, 0)] * len(before)
    totals = [
        max((-(-size // stride) - 1) * stride + window - size, 0)
        for size, window, stride in zip(before, sizes, strides)
    ]
    return [(total // 2, total - total // 2) for total in totals]
