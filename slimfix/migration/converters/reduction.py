"""Sums, means, extremes and their places over axes; never over the batch."""

from __future__ import annotations

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.dtypes import FLOAT32, FLOAT64, INT32, INT64, is_float
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

# Keras gives sums and products of narrower integers in wider ones, where TensorFlow overflows.
_SUMMED = (FLOAT32, FLOAT64, INT32, INT64)
_POOLING = {"Mean": "Average", "Max": "Max"}


@converts("All", "Any", "Max", "Mean", "Min", "Prod", "Sum")
def reduced(planner: Planner, node: Node) -> LayerRecord | None:
    """A mean or maximum over all of space is Keras's global pooling."""
    axes = planner.constant(node.inputs[1])
    shape = planner.shape(node.inputs[0])
    if axes is None or shape is None or (node.op == "Mean" and not is_float(node)):
        return None
    if node.op in ("Prod", "Sum") and node.attr("T", FLOAT32) not in _SUMMED:
        return None
    over = tuple(sorted(int(axis) % len(shape) for axis in np.ravel(axes)))
    if any(planner.is_batch(node.inputs[0], axis) for axis in over):
        return None
    source = [node.inputs[0]]
    if not over:
        return planner.layer("layers.Identity", node.name, source, node, {})
    keep = bool(node.attr("keep_dims", False))
    space = tuple(range(1, len(shape) - 1))
    if node.op in _POOLING and over == space and len(space) == 2 and is_float(node):
        target = f"layers.Global{_POOLING[node.op]}Pooling2D"
        config = {"keepdims": keep, "data_format": "channels_last"}
        return planner.layer(target, node.name, source, node, config)
    config = {"axis": over, "keepdims": keep}
    return planner.layer(f"ops.{node.op.lower()}", node.name, source, node, config)


@converts("ArgMax", "ArgMin")
def place(planner: Planner, node: Node) -> LayerRecord | None:
    """The first of equal ones, on both sides; Keras counts in int32 where TensorFlow has int64."""
    axis = planner.constant(node.inputs[1])
    shape = planner.shape(node.inputs[0])
    if axis is None or shape is None:
        return None
    config = {"axis": int(axis) % len(shape)}
    if planner.is_batch(node.inputs[0], config["axis"]):
        return None
    target = f"ops.{node.op.lower()}"
    return planner.layer(target, node.name, [node.inputs[0]], node, config)
