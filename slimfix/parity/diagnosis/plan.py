"""Guesses of last resort: that the layer as planned would fit, or a factor, or other channels."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

from slimfix.parity.diagnosis.chain import repaired
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.segment import Segment

# What tells of training only, or of nothing that is computed.
_NO_MATTER = ("trainable", "momentum", "rate", "name", "dtype")


def guess_settings(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields, for each setting that is not as planned, that the planned one would fit; then all,
    with the checkpoint's values too."""
    step = segment.chain.steps[index]
    record = segment.record(step)
    if record is None or record.target != f"layers.{step.kind}":
        return
    config = step.config
    planned = {
        key: value
        for key, value in record.config.items()
        if key in config
        and key not in _NO_MATTER
        and not key.endswith("_regularizer")
        and _plain(config[key]) != _plain(value)
    }
    values = segment.variables(step)
    new = {name: value for name, value in values.items() if step.weight(name) is None}
    for key, value in planned.items():
        text = f"{key} {config[key]!r} in place of {value!r}"
        yield Hypothesis(text, {index: repaired(step.operation, {key: _plain(value)}, new)})
    if planned and (len(planned) > 1 or values):
        text = f"{', '.join(planned)} and the values of its weights, all together"
        changes = {key: _plain(value) for key, value in planned.items()}
        yield Hypothesis(text, {index: repaired(step.operation, changes, values)})


def guess_pattern(segment: Segment) -> Iterator[Hypothesis]:
    """Yields what would make the model's result the original's: a factor, an order of channels."""
    made, last = segment.chain.run(), len(segment.chain.steps) - 1
    if last < 0 or made.shape != segment.expected.shape:
        return
    power = float(np.sum(np.square(made, dtype=np.float64)))
    if power > 0:
        factor = float(np.sum(made * segment.expected)) / power
        times = f"{1 / factor if factor else np.inf:.7g}"
        if times != "1":
            text = f"all values {times} times those of the original"
            yield Hypothesis(text, {last: lambda *_: made * factor})
    if made.ndim > 1 and made.shape[-1] > 1:
        order = _nearest_channels(made, segment.expected)
        if order != sorted(order):
            text = f"output channels in the order {_short(order)} of the original's"
            yield Hypothesis(text, {last: lambda *_: made[..., order]})


def _nearest_channels(made: np.ndarray, expected: np.ndarray) -> list[int]:
    """Returns, for each channel of the original, which of the model's is nearest."""
    columns = made.reshape(-1, made.shape[-1])
    return [
        int(np.argmin(np.max(np.abs(columns - wanted[:, None]), axis=0)))
        for wanted in expected.reshape(-1, expected.shape[-1]).T
    ]


def _short(order: list[int]) -> str:
    return str(order) if len(order) <= 12 else f"[{', '.join(map(str, order[:10]))}, ...]"


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
