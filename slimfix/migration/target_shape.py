"""Reads the shape arithmetic of a dynamic batch: Shape, StridedSlice, Pack before a Reshape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, List, Optional, Sequence

import numpy as np

from slimfix.graphdef.tensors import MOST_AXES
from slimfix.graphdef.view import Node

if TYPE_CHECKING:
    from slimfix.migration.planner import Planner

Sizes = Optional[List[Optional[int]]]
BATCH = -(2**31) - 1  # Stands for "as many as the batch has"; no int32 that a graph can hold.

# What changes a shape tensor's own rank or dtype leaves its numbers what they are.
_SAME_NUMBERS = ("Cast", "ExpandDims", "Reshape", "Squeeze")
_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "Add": lambda x, y: x + y,
    "AddV2": lambda x, y: x + y,
    "FloorDiv": lambda x, y: x // y,
    "FloorMod": lambda x, y: x % y,
    "Maximum": max,
    "Minimum": min,
    "Mul": lambda x, y: x * y,
    "Sub": lambda x, y: x - y,
}
_SHAPE_OPS = (
    *_SAME_NUMBERS,
    *_ARITHMETIC,
    "ConcatV2",
    "Gather",
    "GatherV2",
    "Pack",
    "Prod",
    "Shape",
    "Size",
    "Slice",
    "StridedSlice",
    "Unpack",
)


def target_shape(planner: Planner, tensor: str) -> Sizes:
    """Returns the sizes that an integer shape tensor holds, one by one.

    Args:
      planner: holds the function.
      tensor: int32 or int64, [rank] or [], as a Reshape takes it.
    Returns: for each number a size, -1, `BATCH`, or None for one that only the data tells;
      None for the whole where the arithmetic is not understood.
    """
    known: dict[str, Sizes] = {}
    pending = [tensor]
    while pending:  # One after the other: a chain of them may be longer than Python's stack.
        current = pending[-1]
        node = (
            None
            if planner.constant(current) is not None
            else planner.producer(current, *_SHAPE_OPS)
        )
        operands = () if node is None else _operands(node)
        unknown = [each for each in operands if each not in known]
        if unknown:
            pending += unknown
        else:
            known[current] = _compute(planner, current, node, [known[each] for each in operands])
            pending.pop()
    return known[tensor]


def _operands(node: Node) -> Sequence[str]:
    """Returns the tensors whose numbers those of a node are made of."""
    if node.op in ("Shape", "Size"):
        return ()
    if node.op == "ConcatV2":
        return node.inputs[:-1]
    return node.inputs if node.op in ("Pack", *_ARITHMETIC) else node.inputs[:1]


def _compute(planner: Planner, tensor: str, node: Node | None, operands: Sequence[Sizes]) -> Sizes:
    if node is None:
        value = planner.constant(tensor)
        return None if value is None else [int(size) for size in np.ravel(value)]
    if node.op in ("Shape", "Size"):
        return _measured(planner, node)
    if node.op in ("ConcatV2", "Pack"):
        return _joined(operands)
    if node.op in _ARITHMETIC:
        return _combined(node.op, *operands)
    sizes = operands[0]
    if sizes is None or node.op in _SAME_NUMBERS:
        return sizes
    if node.op == "StridedSlice":
        return _slice(planner, node, sizes)
    if node.op == "Slice":
        return _stretch(planner, node, sizes)
    if node.op in ("Gather", "GatherV2"):
        return _gathered(planner, node, sizes)
    return _product(sizes) if node.op == "Prod" else [sizes[int(tensor.rpartition(":")[2])]]


def measured_tensor(planner: Planner, tensor: str) -> str | None:
    """Returns a tensor whose shape the arithmetic behind `tensor` takes: the first one found."""
    pending, seen = [tensor], set()
    while pending:
        node = planner.producer(pending.pop(), *_SHAPE_OPS)
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if node.op in ("Shape", "Size"):
            return node.inputs[0]
        pending.extend(reversed(node.inputs))
    return None


def _measured(planner: Planner, node: Node) -> Sizes:
    tensor = node.inputs[0]
    shape = planner.shape(tensor)
    if shape is None:
        return None
    batch = planner.batch_axes(tensor)
    rows = {0: 1} if batch is None else batch
    sizes = [
        BATCH if size is None and rows.get(axis) == 1 else size for axis, size in enumerate(shape)
    ]
    return _product(sizes) if node.op == "Size" else sizes


def _joined(parts: Sequence[Sizes]) -> Sizes:
    sizes: list[int | None] = []
    for part in parts:
        if part is None or len(sizes) > MOST_AXES:
            return None
        sizes += part
    return sizes


def _combined(op: str, left: Sizes, right: Sizes) -> Sizes:
    if not left or not right or (len(left) != len(right) and 1 not in (len(left), len(right))):
        return None
    count = max(len(left), len(right))
    pairs = zip(left * (count // len(left)), right * (count // len(right)))
    return [_calculated(op, x, y) for x, y in pairs]


def _calculated(op: str, x: int | None, y: int | None) -> int | None:
    if x is None or y is None or BATCH in (x, y) or (op in ("FloorDiv", "FloorMod") and y == 0):
        return None
    return _ARITHMETIC[op](x, y)


def _product(sizes: list[int | None]) -> list[int | None]:
    known = [size for size in sizes if size is not None and size >= 0]
    return [int(np.prod(known)) if len(known) == len(sizes) else None]


def _slice(planner: Planner, node: Node, sizes: list[int | None]) -> Sizes:
    bounds = [planner.constant(tensor) for tensor in node.inputs[1:4]]
    if any(bound is None or bound.size != 1 for bound in bounds):
        return None
    begin, end, step = (int(bound[0]) for bound in bounds if bound is not None)
    if node.attr("new_axis_mask") or node.attr("ellipsis_mask"):
        return None
    if node.attr("shrink_axis_mask"):
        return [sizes[begin]]
    start = None if node.attr("begin_mask") else begin
    stop = None if node.attr("end_mask") else end
    return sizes[start:stop:step]


def _stretch(planner: Planner, node: Node, sizes: list[int | None]) -> Sizes:
    begin, count = (planner.constant(tensor) for tensor in node.inputs[1:3])
    if begin is None or count is None or begin.size != 1:
        return None
    start, length = int(begin[0]), int(count[0])
    return sizes[start:] if length < 0 else sizes[start : start + length]


def _gathered(planner: Planner, node: Node, sizes: list[int | None]) -> Sizes:
    places = planner.constant(node.inputs[1])
    if places is None:
        return None
    return [sizes[int(place)] for place in np.ravel(places)]
