"""Concatenating and stacking."""

from __future__ import annotations

from slimfix.graphdef.view import Node
from slimfix.migration.converters.elementwise import is_computed
from slimfix.migration.converters.pooling import layer_scope
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("Concat", "ConcatV2")
def concatenate(planner: Planner, node: Node) -> LayerRecord | None:
    if node.op == "Concat":
        axis, tensors = planner.constant(node.inputs[0]), node.inputs[1:]
    else:
        axis, tensors = planner.constant(node.inputs[-1]), node.inputs[:-1]
    shape = planner.shape(tensors[0])
    if axis is None or not shape or not all(is_computed(planner, t) for t in tensors):
        return None
    along = int(axis) % len(shape)
    if along == 0 or planner.is_batch(tensors[0], along):
        return None
    if len(tensors) == 1:
        return planner.layer("layers.Identity", layer_scope(node), tensors, node, {})
    config = {"axis": int(axis)}
    return planner.layer("layers.Concatenate", layer_scope(node), tensors, node, config)


@converts("Pack")
def stack(planner: Planner, node: Node) -> LayerRecord | None:
    if not all(is_computed(planner, tensor) for tensor in node.inputs):
        return None
    config = {"axis": node.attr("axis", 0)}
    return planner.layer("ops.stack", node.name, node.inputs, node, config)
