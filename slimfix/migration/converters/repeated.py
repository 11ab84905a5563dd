"""Constants that the graph repeats for every sample of a batch: coordinates, first states."""

from __future__ import annotations

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.dtypes import NAMES
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts
from slimfix.migration.target_shape import BATCH, measured_tensor, target_shape


@converts("BroadcastTo", "Fill", "Tile")
def for_each_sample(planner: Planner, node: Node) -> LayerRecord | None:
    """One a sample times the constant; the batch is that of the tensor whose shape was taken.

    Not zeros plus the constant, for Keras may take it for a bias (see `elementwise.addition`).
    """
    sizes_input, value_input = node.inputs if node.op == "Fill" else node.inputs[::-1]
    value, sizes = planner.constant(value_input), target_shape(planner, sizes_input)
    source = measured_tensor(planner, sizes_input)
    if value is None or not sizes or sizes[0] != BATCH or source is None:
        return None
    one_sample = _sample(node, value, sizes[1:])
    dtype = NAMES.get(node.attr("T"))
    shape = planner.shape(source)
    if one_sample is None or dtype in (None, "bool") or planner.batch_axes(source) != {0: 1}:
        return None
    key = (slice(None), *(0 for _ in (shape or ())[1:]))
    first = planner.step("ops.get_item", node, "first", [source], {"key": key})
    ones = planner.step("ops.ones_like", node, "ones", [first], {"dtype": dtype})
    if len(sizes) > 1:
        column = {"target_shape": (1,) * (len(sizes) - 1)}
        ones = planner.step("layers.Reshape", node, "column", [ones], column)
    return planner.layer("ops.multiply", node.name, [ones], node, {"x2": one_sample})


def _sample(node: Node, value: np.ndarray, sizes: list[int | None]) -> np.ndarray | None:
    """Returns what each sample gets, with a first axis of size 1, if all sizes are known."""
    known = [size for size in sizes if size is not None and size >= 0]
    if len(known) != len(sizes):
        return None
    if node.op == "Tile":
        return np.tile(value, [1, *known]) if value.shape[:1] == (1,) else None
    if value.ndim > len(sizes) and value.shape[0] != 1:
        return None
    return np.broadcast_to(value, (1, *known)).copy()
