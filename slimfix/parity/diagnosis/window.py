"""Guesses about what slides over space: padding, phase, stride and dilation."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, Iterator, Sequence

import numpy as np

from slimfix.parity.diagnosis.chain import Repair, Step, repaired
from slimfix.parity.diagnosis.hypothesis import Hypothesis, best_of, identity
from slimfix.parity.diagnosis.pooling import is_pooling, pool
from slimfix.parity.diagnosis.segment import Segment

_CONVOLUTIONS = (
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
)
_LARGEST_STRIDE, _LARGEST_DILATION = 3, 4
_MOST_TRIALS = 150  # Of one kind; a window of 11 by 11 has 121 paddings.

Pads = tuple  # (before, after) by spatial axis.


@dataclasses.dataclass(frozen=True)
class Window:
    """What slides, along each spatial axis.

    Attributes:
      sizes: of the window, without dilation.
      strides, dilations: in pixels.
      padding: 'same' or 'valid'.
      before: sizes of the data, with what a layer before pads.
      after: sizes of the original's result.
    """

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: str
    before: tuple[int, ...]
    after: tuple[int, ...]

    def same_pads(self) -> Pads:
        """Returns what SAME pads: as much behind as before, and the odd one behind.

        Source: tensorflow:tensorflow/core/framework/kernel_shape_util.cc,
          GetWindowedOutputSizeVerbose.
        """
        return tuple(
            (max(total, 0) // 2, max(total, 0) - max(total, 0) // 2)
            for total in (
                (-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size
                for window, stride, dilation, size in zip(
                    self.sizes, self.strides, self.dilations, self.before
                )
            )
        )

    def own_pads(self) -> Pads:
        """Returns what the layer itself pads."""
        return self.same_pads() if self.padding == "same" else ((0, 0),) * len(self.sizes)

    def result(self, pads: Pads) -> tuple[int, ...]:
        """Returns the sizes of the result with some padding."""
        return tuple(
            (size + sum(pad) - (window - 1) * dilation - 1) // stride + 1
            for size, pad, window, stride, dilation in zip(
                self.before, pads, self.sizes, self.strides, self.dilations
            )
        )


def guess_window(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guesses about padding, stride phase, strides and dilation of one step."""
    step = segment.chain.steps[index]
    if step.kind not in _CONVOLUTIONS and not is_pooling(step):
        return
    if step.config.get("data_format") != "channels_last":
        return
    padder = _padder(segment, index)
    data = segment.chain.inputs(index if padder is None else padder)[0]
    if len(segment.expected.shape) != data.ndim:
        return
    own = _window(step, data.shape[1:-1], segment.expected.shape[1:-1])
    yield from _other_padding(segment, index, padder, own)
    yield from _other_settings(segment, index, own, "strides", "strides", _LARGEST_STRIDE)
    if not is_pooling(step):
        key = "dilation_rate"
        yield from _other_settings(segment, index, own, "dilations", key, _LARGEST_DILATION)


def _window(step: Step, before: Sequence[int], after: Sequence[int]) -> Window:
    config = step.config
    sizes = _tuple(config.get("kernel_size", config.get("pool_size")), len(before))
    strides = config.get("strides")
    return Window(
        sizes=sizes,
        strides=sizes if strides is None else _tuple(strides, len(before)),
        dilations=_tuple(config.get("dilation_rate", 1), len(before)),
        padding=config["padding"],
        before=tuple(before),
        after=tuple(after),
    )


def _tuple(value: Any, length: int) -> tuple[int, ...]:
    return (value,) * length if isinstance(value, int) else tuple(int(each) for each in value)


def _padder(segment: Segment, index: int) -> int | None:
    """Returns the position of a zero padding that only this step reads, None without one."""
    if index == 0:
        return None
    before, step = segment.chain.steps[index - 1], segment.chain.steps[index]
    feeds = step.inputs[0] is before.outputs[0]
    return index - 1 if feeds and before.kind.startswith("ZeroPadding") else None


def _other_padding(
    segment: Segment, index: int, padder: int | None, own: Window
) -> Iterator[Hypothesis]:
    step = segment.chain.steps[index]
    has, has_text = own.own_pads(), own.padding
    if padder is not None:
        stage = segment.chain.steps[padder]
        extra = _pairs(stage.config["padding"], len(own.sizes))
        padded = dataclasses.replace(
            own, before=tuple(size + sum(pair) for size, pair in zip(own.before, extra))
        )
        has = tuple(
            (first[0] + second[0], first[1] + second[1])
            for first, second in zip(extra, padded.own_pads())
        )
        has_text = _text(has)
    elif own.padding == "same":
        has_text = f"same, here {_text(has)},"
    named = {"same": own.same_pads(), "valid": ((0, 0),) * len(own.sizes)}
    for name, pads in named.items():
        if pads != has and own.result(pads) == own.after:
            text = f"{_phase(own, has, pads)}padding {has_text} in place of {name}"
            yield Hypothesis(text, _repairs(step, index, padder, pads))
    explicit = [
        Hypothesis(
            f"{_phase(own, has, pads)}padding {has_text} in place of {_text(pads)}",
            _repairs(step, index, padder, pads),
        )
        for pads in _explicit(own)
        if pads not in (has, *named.values())
    ]
    yield from best_of(segment, explicit[:_MOST_TRIALS])


def _explicit(own: Window) -> Iterator[Pads]:
    """Yields every padding of less than a window that gives a result of the right sizes."""
    yield from itertools.product(
        *(
            list(_along(size, after, window, stride, dilation))
            for size, after, window, stride, dilation in zip(
                own.before, own.after, own.sizes, own.strides, own.dilations
            )
        )
    )


def _along(
    size: int, after: int, window: int, stride: int, dilation: int
) -> Iterator[tuple[int, int]]:
    extent = (window - 1) * dilation + 1
    for before in range(extent):
        least = max((after - 1) * stride + extent - size - before, 0)
        # What lies behind the last window is not read: of equals, the one that is alike on both
        # sides.
        for behind in (before, least):
            result = (size + before + behind - extent) // stride + 1
            if least <= behind < extent + stride and result == after:
                yield before, behind
                break


def _phase(own: Window, has: Pads, pads: Pads) -> str:
    """Says so where the windows only begin at other pixels."""
    if max(own.strides) == 1 or own.result(has) != own.after:
        return ""
    moved = max(abs(one[0] - other[0]) for one, other in zip(has, pads))
    return f"stride phase off by {moved}: " if moved else ""


def _repairs(step: Step, index: int, padder: int | None, pads: Pads) -> dict[int, Repair]:
    repairs: dict[int, Repair] = {} if padder is None else {padder: identity}
    if is_pooling(step):
        return {**repairs, index: pool(step, pads)}
    call = repaired(step.operation, {"padding": "valid"})
    return {**repairs, index: _padded(call, pads)}


def _padded(call: Repair, pads: Pads) -> Repair:
    return lambda values: call(np.pad(np.asarray(values), ((0, 0), *pads, (0, 0))))


def _other_settings(
    segment: Segment, index: int, own: Window, field: str, key: str, largest: int
) -> Iterator[Hypothesis]:
    """Yields the best of other strides or dilations: each that gives a result of the sizes."""
    step = segment.chain.steps[index]
    has: tuple[int, ...] = getattr(own, field)
    if _padder(segment, index) is not None:
        return
    found = []
    for value in itertools.product(range(1, largest + 1), repeat=len(has)):
        for padding in ("same", "valid"):
            changed = _replaced(own, field, value, padding)
            if value != has and changed.result(changed.own_pads()) == own.after:
                also = "" if padding == own.padding else f", padding {padding}"
                text = f"{field} {_text(has)} in place of {_text(value)}{also}"
                found.append(Hypothesis(text, {index: _with(step, changed, key)}))
    yield from best_of(segment, found[:_MOST_TRIALS])


def _with(step: Step, changed: Window, key: str) -> Repair:
    """Returns the step with the strides or dilations, and the padding, of another window."""
    if is_pooling(step):
        return pool(step, changed.own_pads(), strides=changed.strides)
    value = changed.strides if key == "strides" else changed.dilations
    return repaired(step.operation, {key: list(value), "padding": changed.padding})


def _replaced(own: Window, field: str, value: tuple[int, ...], padding: str) -> Window:
    return dataclasses.replace(own, padding=padding, **{field: value})


def _pairs(padding: Any, rank: int) -> Pads:
    pairs = (padding,) if rank == 1 and not isinstance(padding[0], (list, tuple)) else padding
    return tuple((int(before), int(after)) for before, after in pairs)


def _text(value: Any) -> str:
    return ", ".join(map(str, value))
