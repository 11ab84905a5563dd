"""Guesses about the kernel and the bias of a layer."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from slimfix.parity.diagnosis.chain import Step, repaired
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.segment import Segment

_IN_SPACE = ("kernel", "depthwise_kernel")  # [spatial..., in, out]
_CHANNELS = ("kernel", "pointwise_kernel")


def guess_kernel(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guesses that a kernel's axes are turned round or in another order."""
    step = segment.chain.steps[index]
    at_an_input = id(step.inputs[0]) in segment.inputs
    for name in (*_IN_SPACE, "pointwise_kernel"):
        kernel = step.weight(name)
        if kernel is None or kernel.ndim < 2:
            continue
        arranged = list(_arranged(step, name, kernel))
        if name == "kernel" and not at_an_input:  # Where another guess tells the same.
            arranged.append(("input channels in reverse order", np.flip(kernel, -2)))
        for text, value in arranged:
            if value.shape == kernel.shape and not np.array_equal(value, kernel):
                yield Hypothesis(text, {index: repaired(step.operation, weights={name: value})})


def guess_bias(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guess that a layer's bias is missing, or one too many."""
    step = segment.chain.steps[index]
    if "use_bias" not in step.config:
        return
    variables = segment.variables(step)
    if step.config["use_bias"]:
        yield Hypothesis("bias extra", {index: repaired(step.operation, {"use_bias": False})})
    elif "bias" in variables:
        weights = {"bias": variables["bias"]}
        repair = repaired(step.operation, {"use_bias": True}, weights)
        yield Hypothesis("bias missing", {index: repair})


def _arranged(step: Step, name: str, kernel: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    spatial = kernel.ndim - 2
    if name in _IN_SPACE and spatial == 2:
        yield f"{name} transposed in space", np.swapaxes(kernel, 0, 1)
    if name in _IN_SPACE and spatial:
        yield f"{name} flipped in space", np.flip(kernel, tuple(range(spatial)))
        if spatial > 1:
            for axis in range(spatial):
                yield f"{name} flipped along axis {axis}", np.flip(kernel, axis)
    if name in _CHANNELS:
        yield f"{name} with input and output channels transposed", np.swapaxes(kernel, -1, -2)
    flat = _flattened_from(step)
    if flat is not None and name == "kernel" and spatial == 0:
        yield from _rows(kernel, flat)


def _rows(kernel: np.ndarray, flat: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """A dense kernel that was made behind a flattening of [channels, height, width]."""
    *space, channels = flat
    rows = kernel.reshape((channels, *space, -1))
    yield (
        "kernel rows in the order of channels first in place of channels last",
        np.moveaxis(rows, 0, -2).reshape(kernel.shape),
    )
    rows = kernel.reshape((*space, channels, -1))
    yield (
        "kernel rows in the order of channels last in place of channels first",
        np.moveaxis(rows, -2, 0).reshape(kernel.shape),
    )


def _flattened_from(step: Step) -> tuple[int, ...] | None:
    """Returns [height, width, channels] of what a Flatten before the step takes, if it does."""
    before = step.inputs[0].call
    if before is None or before.kind != "Flatten":
        return None
    shape = tuple(size for size in before.inputs[0].shape[1:] if size is not None)
    return shape if 1 < len(shape) == len(before.inputs[0].shape) - 1 else None
