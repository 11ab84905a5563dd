"""Weights: a variable, or a bit-preserving rearrangement of one, as a weight of a Keras layer."""

from __future__ import annotations

import dataclasses
from typing import Any, Sequence

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import WeightRecord

_REARRANGES = ("ExpandDims", "Reshape", "Squeeze", "Transpose")


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One variable as the graph uses it: axes in another order, sizes of one added or dropped.

    Attributes:
      tensor: the variable itself, as the planner knows it.
      shape: as the graph uses it.
      axes: of the variable, for each axis of the result; None for an added axis, and () for the
        whole once the variable was reshaped, so that its axes have no place any more.
      order: in which the variable's axes stand in memory.
    """

    tensor: str
    shape: tuple[int, ...]
    axes: tuple[int | None, ...]
    order: tuple[int, ...]

    def record(
        self, planner: Planner, name: str, shape: Sequence[int] | None = None
    ) -> WeightRecord:
        """Returns the record of a Keras weight that it fills; `shape` is Keras's, if another."""
        plain = self.order == tuple(range(len(self.order)))
        return dataclasses.replace(
            planner.weight(name, self.tensor),
            shape=tuple(self.shape if shape is None else shape),
            permutation=() if plain else self.order,
        )

    def transposed(self, permutation: Sequence[int]) -> Kernel | None:
        """Returns it with its axes permuted; None where it was reshaped before."""
        if len(self.axes) != len(self.shape):
            return None
        axes = tuple(self.axes[axis] for axis in permutation)
        shape = tuple(self.shape[axis] for axis in permutation)
        kept = [axis for axis in axes if axis is not None]
        dropped = [axis for axis in self.order if axis not in kept]  # Their size is one.
        return Kernel(self.tensor, shape, axes, (*kept, *dropped))

    def reshaped(self, shape: Sequence[int]) -> Kernel:
        """Returns it in another shape; its axes stay known where only ones come or go."""
        shape = tuple(shape)
        known = len(self.axes) == len(self.shape)
        left = [(a, s) for a, s in zip(self.axes, self.shape) if s != 1] if known else []
        if not known or [s for s in shape if s != 1] != [s for _, s in left]:
            return Kernel(self.tensor, shape, (), self.order)
        remaining = iter(left)
        axes = tuple(None if size == 1 else next(remaining)[0] for size in shape)
        return Kernel(self.tensor, shape, axes, self.order)


def read_kernel(planner: Planner, tensor: str) -> Kernel | None:
    """Returns the variable behind a tensor and how it is laid out; None for anything else."""
    steps: list[tuple[str, Node]] = []
    while planner.variable(tensor) is None:
        node = planner.producer(tensor, *_REARRANGES)
        if node is None:
            return None
        steps.append((tensor, node))
        tensor = node.inputs[0]
    shape = planner.weight("", tensor).shape
    axes = tuple(range(len(shape)))
    kernel: Kernel | None = Kernel(tensor, shape, axes, axes)
    for result, node in reversed(steps):
        kernel = kernel and _rearranged(planner, kernel, result, node)
    return kernel


def _rearranged(planner: Planner, kernel: Kernel, result: str, node: Node) -> Kernel | None:
    if node.op == "Transpose":
        permutation = planner.constant(node.inputs[1])
        return None if permutation is None else kernel.transposed([int(p) for p in permutation])
    sizes = planner.shape(result)
    if sizes is None or None in sizes:
        return None
    return kernel.reshaped([size for size in sizes if size is not None])


def regularizer(planner: Planner, kernel: Kernel) -> dict[str, Any] | None:
    """Returns the Keras config of the penalty on a weight, which its layout does not change."""
    return planner.regularizer(kernel.tensor)


def element_count(kernel: Kernel) -> int:
    """Returns how many numbers the weight has."""
    return int(np.prod(kernel.shape, dtype=int))
