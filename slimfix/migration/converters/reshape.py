"""Ops that give a tensor another shape: reshape, flatten, squeeze, new axes."""

from __future__ import annotations

import numpy as np

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.elementwise import is_computed
from slimfix.migration.converters.pooling import layer_scope
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts
from slimfix.migration.target_shape import BATCH, target_shape


@converts("Reshape")
def reshape(planner: Planner, node: Node) -> LayerRecord | None:
    """A layer where the batch stays what it is; else an operation that moves rows into it."""
    source = node.inputs[0]
    before = planner.shape(source)
    sizes = _sizes(planner, node)
    if not before or not sizes or not is_computed(planner, source):
        return None
    if not _keeps_batch(planner, node, before, sizes):
        return _across_batch(planner, node, sizes)
    rest = tuple(-1 if size is None else size for size in sizes[1:])
    if rest.count(-1) > 1 or BATCH in rest:
        return None
    if len(rest) == 1 and len(before) > 2:
        # Keras would else ask its global setting, at conversion and again when the model is loaded.
        config = {"data_format": "channels_last"}
        return planner.layer("layers.Flatten", _flatten_scope(node), [source], node, config)
    return planner.layer("layers.Reshape", node.name, [source], node, {"target_shape": rest})


def _sizes(planner: Planner, node: Node) -> list[int | None] | None:
    """Returns the sizes of the result: what shape inference knows, else what the graph asks for."""
    asked = target_shape(planner, node.inputs[1])
    inferred = planner.shape(names.join_tensor_name(node.name, 0))
    if inferred is None or asked is None:
        return asked if inferred is None else list(inferred)
    return [wish if wish == BATCH or size is None else size for size, wish in zip(inferred, asked)]


def _keeps_batch(
    planner: Planner, node: Node, before: tuple[int | None, ...], sizes: list[int | None]
) -> bool:
    old = planner.batch_axes(node.inputs[0])
    new = planner.batch_axes(names.join_tensor_name(node.name, 0))
    if old is not None and new is not None:
        return old == new and list(old) == [0]
    first, rest = sizes[0], sizes[1:]
    if first == BATCH:
        return True
    known = [size for size in rest if size is not None and size >= 0]
    if first is None or first == -1:
        fixed = len(known) == len(rest) and None not in before[1:]
        return fixed and bool(np.prod(before[1:]) == np.prod(known))  # type: ignore[arg-type]
    return first == before[0]


def _across_batch(planner: Planner, node: Node, sizes: list[int | None]) -> LayerRecord | None:
    """[batch, time, depth] to [batch * time, depth], and back: one size may follow the batch."""
    batch = planner.batch_axes(names.join_tensor_name(node.name, 0))
    if batch is None:  # The graph has a number where the batch was; it runs along the first axis.
        batch = {} if None in sizes or -1 in sizes else {0: 1}
    shape = tuple(
        -1 if size is None or size < 0 or axis in batch else size for axis, size in enumerate(sizes)
    )
    if shape.count(-1) != 1:
        return None
    return planner.layer("ops.reshape", node.name, [node.inputs[0]], node, {"newshape": shape})


def _flatten_scope(node: Node) -> str:
    """slim.flatten calls its node 'flatten/flatten/Reshape' or 'flatten/Reshape'."""
    scope = layer_scope(node)
    outer = names.parent_scope(scope)
    return outer if names.last_part(outer) == names.last_part(scope) and outer else scope


@converts("Squeeze")
def squeeze(planner: Planner, node: Node) -> LayerRecord | None:
    """Without axes every size of 1 goes, so that each must be known; the batch is taken as more."""
    source = node.inputs[0]
    shape = planner.shape(source)
    axes = node.attr("squeeze_dims")
    if shape is None or (not axes and None in shape[1:]):
        return None
    axes = axes or [axis for axis, size in enumerate(shape) if size == 1]
    over = tuple(sorted(axis % len(shape) for axis in axes))
    if any(planner.is_batch(source, axis) for axis in over):
        return None
    if not over:
        return planner.layer("layers.Identity", node.name, [source], node, {})
    return planner.layer("ops.squeeze", node.name, [source], node, {"axis": over})


@converts("ExpandDims")
def expand_dims(planner: Planner, node: Node) -> LayerRecord | None:
    axis = planner.constant(node.inputs[1])
    shape = planner.shape(node.inputs[0])
    if axis is None or shape is None or not is_computed(planner, node.inputs[0]):
        return None
    config = {"axis": int(axis)}
    return planner.layer("ops.expand_dims", node.name, [node.inputs[0]], node, config)
