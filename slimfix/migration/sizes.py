"""Integer tensors as sums of known numbers and unknown sizes, which proves that two sizes agree.

Paddings, crops and output shapes of a network without a fixed image size are computed in the
graph. Whether they amount to SAME, or to what Keras computes, is decided here, for every size.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Tuple

import numpy as np

from slimfix.graphdef.view import Node

if TYPE_CHECKING:
    from slimfix.migration.planner import Planner

Atom = Tuple[str, int]  # (tensor, axis) for an unknown size, (tensor, index) for any other number.
Sizes = Optional[np.ndarray]  # of Size; None where a tensor cannot be read.


@dataclasses.dataclass(frozen=True)
class Size:
    """constant + the sum of factor * atom over `unknown`; two are equal only if they always are."""

    constant: int
    unknown: tuple[tuple[Atom, int], ...] = ()

    def __add__(self, other: Size) -> Size:
        factors = dict(self.unknown)
        for atom, factor in other.unknown:
            factors[atom] = factors.get(atom, 0) + factor
        left = tuple(sorted((atom, factor) for atom, factor in factors.items() if factor))
        return Size(self.constant + other.constant, left)

    def __sub__(self, other: Size) -> Size:
        return self + other.times(-1)

    def times(self, number: int) -> Size:
        """Returns the size times a known number."""
        scaled = tuple((atom, factor * number) for atom, factor in self.unknown if number)
        return Size(self.constant * number, scaled)

    @property
    def known(self) -> int | None:
        """The number, if nothing in it is unknown."""
        return None if self.unknown else self.constant


def sizes_of(planner: Planner, tensor: str) -> tuple[Size, ...] | None:
    """Returns the sizes of a tensor's axes; None for an unknown rank."""
    shape = planner.shape(tensor)
    if shape is None:
        return None
    return tuple(
        Size(0, (((tensor, axis), 1),)) if size is None else Size(size)
        for axis, size in enumerate(shape)
    )


def read_sizes(planner: Planner, tensor: str) -> Sizes:
    """Returns the elements of an integer tensor as `Size`s, in the tensor's shape.

    Numbers that no rule here can read stay unknown, each by itself; None if the tensor's shape
    is not known either.
    """
    value = planner.constant(tensor)
    if value is not None:
        return _each(lambda number: Size(int(number)), value)
    node = planner.producer(tensor, *_RULES)
    found = _RULES[node.op](planner, node) if node else None
    return _opaque(planner, tensor) if found is None else found


def _each(function: Callable[..., Size], *arrays: Any) -> np.ndarray:
    arrays = np.broadcast_arrays(*arrays)
    result = np.empty(arrays[0].shape, object)
    for index in np.ndindex(*result.shape):
        result[index] = function(*(array[index] for array in arrays))
    return result


def _opaque(planner: Planner, tensor: str) -> Sizes:
    shape = planner.shape(tensor)
    if shape is None or None in shape:
        return None
    sizes = [size for size in shape if size is not None]
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    return _each(lambda number: Size(0, (((tensor, int(number)), 1),)), numbers)


def _shape(planner: Planner, node: Node) -> Sizes:
    sizes = sizes_of(planner, node.inputs[0])
    if sizes is None:
        return None
    result = np.empty(len(sizes), object)
    result[:] = sizes
    return result


def _same(planner: Planner, node: Node) -> Sizes:
    return read_sizes(planner, node.inputs[0])


def _sum(planner: Planner, node: Node) -> Sizes:
    left, right = (read_sizes(planner, tensor) for tensor in node.inputs)
    if left is None or right is None:
        return None
    sign = -1 if node.op == "Sub" else 1
    return _each(lambda a, b: a + b.times(sign), left, right)


def _product(planner: Planner, node: Node) -> Sizes:
    for number, other in (node.inputs, node.inputs[::-1]):
        factor, sizes = planner.constant(number), read_sizes(planner, other)
        if factor is not None and sizes is not None:
            return _each(lambda size, by: size.times(int(by)), sizes, factor)
    return None


def _product_of_all(planner: Planner, node: Node) -> Sizes:
    sizes = read_sizes(planner, node.inputs[0])
    if sizes is None or sizes.ndim != 1 or node.attr("keep_dims"):
        return None
    unknown = [size for size in sizes if size.unknown]
    if len(unknown) > 1:
        return None
    number = math.prod(size.constant for size in sizes if not size.unknown)
    result = np.empty((), object)
    result[()] = unknown[0].times(number) if unknown else Size(number)
    return result


def _joined(planner: Planner, node: Node) -> Sizes:
    tensors: Sequence[str] = node.inputs[:-1] if node.op == "ConcatV2" else node.inputs
    axis = planner.constant(node.inputs[-1]) if node.op == "ConcatV2" else node.attr("axis", 0)
    found = [read_sizes(planner, tensor) for tensor in tensors]
    parts = [part for part in found if part is not None]
    if axis is None or len(parts) < len(found):
        return None
    if node.op == "ConcatV2":
        return np.concatenate(parts, axis=int(axis))
    return np.stack(parts, axis=int(axis))


def _gathered(planner: Planner, node: Node) -> Sizes:
    sizes, indices = read_sizes(planner, node.inputs[0]), planner.constant(node.inputs[1])
    axis = planner.constant(node.inputs[2]) if node.op == "GatherV2" else np.zeros((), int)
    if sizes is None or indices is None or axis is None or node.attr("batch_dims"):
        return None
    return _array(np.take(sizes, indices, axis=int(axis)))


def _sliced(planner: Planner, node: Node) -> Sizes:
    sizes = read_sizes(planner, node.inputs[0])
    bounds = [planner.constant(tensor) for tensor in node.inputs[1:4]]
    begin, end, step = bounds
    if sizes is None or begin is None or end is None or step is None:
        return None
    if node.attr("ellipsis_mask") or node.attr("new_axis_mask"):
        return None
    key: list[int | slice] = []
    for axis in range(len(begin)):

        def masked(name: str, bit: int = 1 << axis) -> bool:
            return bool((node.attr(name) or 0) & bit)

        if masked("shrink_axis_mask"):
            key.append(int(begin[axis]))
        else:
            first = None if masked("begin_mask") else int(begin[axis])
            last = None if masked("end_mask") else int(end[axis])
            key.append(slice(first, last, int(step[axis])))
    return _array(sizes[tuple(key)])


def _array(value: Any) -> np.ndarray:
    """NumPy gives an element itself, not an array of rank 0, where objects are picked."""
    if isinstance(value, np.ndarray):
        return value
    result = np.empty((), object)
    result[()] = value
    return result


def _reshaped(planner: Planner, node: Node) -> Sizes:
    sizes, shape = read_sizes(planner, node.inputs[0]), planner.constant(node.inputs[1])
    return None if sizes is None or shape is None else sizes.reshape([int(s) for s in shape])


def _expanded(planner: Planner, node: Node) -> Sizes:
    sizes, axis = read_sizes(planner, node.inputs[0]), planner.constant(node.inputs[1])
    return None if sizes is None or axis is None else np.expand_dims(sizes, int(axis))


_RULES: dict[str, Callable[[Planner, Node], Sizes]] = {
    "Add": _sum,
    "AddV2": _sum,
    "Cast": _same,
    "ConcatV2": _joined,
    "ExpandDims": _expanded,
    "Gather": _gathered,
    "GatherV2": _gathered,
    "Mul": _product,
    "Pack": _joined,
    "Prod": _product_of_all,
    "Reshape": _reshaped,
    "Shape": _shape,
    "StridedSlice": _sliced,
    "Sub": _sum,
}
