"""Reads the shape arithmetic of a dynamic batch: Shape, StridedSlice, Pack before a Reshape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slimfix.graphdef.view import Node

if TYPE_CHECKING:
    from slimfix.migration.planner import Planner

BATCH = -2  # Stands for "as many as the batch has"; -1 is TensorFlow's "what is left".

_SHAPE_OPS = ("Cast", "ConcatV2", "Pack", "Prod", "Shape", "StridedSlice")


def target_shape(planner: Planner, tensor: str) -> list[int | None] | None:
    """Returns the sizes that an int32 shape tensor holds, one by one.

    Args:
      planner: holds the function.
      tensor: int32 [rank] or [], as a Reshape takes it.
    Returns: for each dimension a size, -1, `BATCH`, or None for one that only the data tells;
      None for the whole where the arithmetic is not understood.
    """
    value = planner.constant(tensor)
    if value is not None:
        return [int(size) for size in np.ravel(value)]
    node = planner.producer(tensor, *_SHAPE_OPS)
    if node is None:
        return None
    if node.op == "Shape":
        shape = planner.shape(node.inputs[0])
        return None if shape is None else [BATCH if shape[0] is None else shape[0], *shape[1:]]
    if node.op == "StridedSlice":
        return _slice(planner, node)
    if node.op == "Cast":
        return target_shape(planner, node.inputs[0])
    if node.op == "Prod":
        return _product(target_shape(planner, node.inputs[0]))
    parts = node.inputs[:-1] if node.op == "ConcatV2" else node.inputs
    sizes = []
    for part in parts:
        found = target_shape(planner, part)
        if found is None:
            return None
        sizes += found
    return sizes


def _product(sizes: list[int | None] | None) -> list[int | None] | None:
    known = [size for size in sizes or () if size is not None and size >= 0]
    if sizes is None or len(known) != len(sizes):
        return None
    return [int(np.prod(known))]


def _slice(planner: Planner, node: Node) -> list[int | None] | None:
    sizes = target_shape(planner, node.inputs[0])
    bounds = [planner.constant(tensor) for tensor in node.inputs[1:4]]
    if sizes is None or any(bound is None or bound.size != 1 for bound in bounds):
        return None
    begin, end, step = (int(bound[0]) for bound in bounds if bound is not None)
    if node.attr("shrink_axis_mask"):
        return [sizes[begin]]
    start = None if node.attr("begin_mask") else begin
    stop = None if node.attr("end_mask") else end
    return sizes[start:stop:step]
