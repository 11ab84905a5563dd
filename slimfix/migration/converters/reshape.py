"""Ops that move values without changing them: reshape, flatten, squeeze, pad, concatenate."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.pooling import layer_scope
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts
from slimfix.migration.target_shape import BATCH, target_shape

# Keras would else ask its global setting, at conversion and again when the model is loaded.
_LAST = {"data_format": "channels_last"}


@converts("Reshape")
def reshape(planner: Planner, node: Node) -> LayerRecord | None:
    """A reshape that leaves the batch alone."""
    target = target_shape(planner, node.inputs[1])
    shape = planner.shape(node.inputs[0])
    if not target or not shape or not _keeps_batch(shape, target):
        return None
    rest = tuple(-1 if size is None else size for size in target[1:])
    if rest.count(-1) > 1 or BATCH in rest:
        return None
    source = [node.inputs[0]]
    if len(rest) == 1 and len(shape) > 2:
        return planner.layer("layers.Flatten", _flatten_scope(node), source, node, _LAST)
    return planner.layer("layers.Reshape", node.name, source, node, {"target_shape": rest})


def _keeps_batch(shape: tuple[int | None, ...], target: list[int | None]) -> bool:
    first, rest = target[0], target[1:]
    if first == BATCH:
        return True
    if first == -1:
        before = [size for size in shape[1:] if size is not None]
        after = [size for size in rest if size is not None and size >= 0]
        known = len(before) == len(shape) - 1 and len(after) == len(rest)
        return known and bool(np.prod(before) == np.prod(after))
    return first == shape[0] and first is not None


def _flatten_scope(node: Node) -> str:
    """slim.flatten calls its node 'flatten/flatten/Reshape' or 'flatten/Reshape'."""
    scope = layer_scope(node)
    outer = names.parent_scope(scope)
    return outer if names.last_part(outer) == names.last_part(scope) and outer else scope


@converts("Squeeze")
def squeeze(planner: Planner, node: Node) -> LayerRecord | None:
    shape = planner.shape(node.inputs[0])
    if shape is None:
        return None
    axes = node.attr("squeeze_dims") or [i for i, size in enumerate(shape) if size == 1]
    over = tuple(sorted(axis % len(shape) for axis in axes))
    if 0 in over:
        return None
    return planner.layer("ops.squeeze", node.name, [node.inputs[0]], node, {"axis": over})


@converts("ExpandDims")
def expand_dims(planner: Planner, node: Node) -> LayerRecord | None:
    axis = planner.constant(node.inputs[1])
    shape = planner.shape(node.inputs[0])
    if axis is None or shape is None or int(axis) % (len(shape) + 1) == 0:
        return None
    config = {"axis": int(axis)}
    return planner.layer("ops.expand_dims", node.name, [node.inputs[0]], node, config)


@converts("Pad", "PadV2")
def pad(planner: Planner, node: Node) -> LayerRecord | None:
    widths = planner.constant(node.inputs[1])
    value = planner.constant(node.inputs[2]) if node.op == "PadV2" else np.zeros(())
    if widths is None or value is None or np.any(widths[0]):
        return None
    source = [node.inputs[0]]
    pairs = tuple(tuple(int(width) for width in pair) for pair in widths)
    config: dict[str, Any]
    if len(pairs) == 4 and pairs[3] == (0, 0) and value == 0:
        config = {"padding": pairs[1:3], **_LAST}
        return planner.layer("layers.ZeroPadding2D", node.name, source, node, config)
    config = {"pad_width": pairs, "constant_values": float(value)}
    return planner.layer("ops.pad", node.name, source, node, config)


@converts("ConcatV2")
def concatenate(planner: Planner, node: Node) -> LayerRecord | None:
    axis = planner.constant(node.inputs[-1])
    shape = planner.shape(node.inputs[0])
    tensors = node.inputs[:-1]
    if axis is None or shape is None or int(axis) % len(shape) == 0:
        return None
    if any(planner.constant(t) is not None or planner.variable(t) for t in tensors):
        return None
    config = {"axis": int(axis)}
    return planner.layer("layers.Concatenate", layer_scope(node), tensors, node, config)
