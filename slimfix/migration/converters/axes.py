"""Ops that order, repeat or turn round what lies along the axes, without arithmetic."""

from __future__ import annotations

import numpy as np

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.elementwise import is_computed
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts
from slimfix.migration.target_shape import target_shape


@converts("Transpose")
def transpose(planner: Planner, node: Node) -> LayerRecord | None:
    order = planner.constant(node.inputs[1])
    if order is None or not is_computed(planner, node.inputs[0]):
        return None
    axes = tuple(int(axis) % len(order) for axis in order)
    source = [node.inputs[0]]
    if axes == tuple(range(len(axes))):
        return planner.layer("layers.Identity", node.name, source, node, {})
    if axes[0] == 0:
        return planner.layer("layers.Permute", node.name, source, node, {"dims": axes[1:]})
    return planner.layer("ops.transpose", node.name, source, node, {"axes": axes})


@converts("Tile")
def tile(planner: Planner, node: Node) -> LayerRecord | None:
    source = node.inputs[0]
    repeats = target_shape(planner, node.inputs[1])
    if repeats is None or not is_computed(planner, source):
        return None
    return _repeated(planner, node, repeats)


@converts("BroadcastTo")
def broadcast(planner: Planner, node: Node) -> LayerRecord | None:
    """To a shape of the same rank: a size of 1 is repeated."""
    source = node.inputs[0]
    before = planner.shape(source)
    after = planner.shape(names.join_tensor_name(node.name, 0))
    if not before or not after or len(before) != len(after) or not is_computed(planner, source):
        return None
    repeats = [
        _repeats(old, new, planner.is_batch(source, axis))
        for axis, (old, new) in enumerate(zip(before, after))
    ]
    return _repeated(planner, node, repeats)


def _repeats(old: int | None, new: int | None, is_batch: bool) -> int | None:
    """Returns how often a size is repeated; two unknown ones are alike only if both the batch."""
    if old == new and (old is not None or is_batch):
        return 1
    return new if old == 1 else None


def _repeated(planner: Planner, node: Node, repeats: list[int | None]) -> LayerRecord | None:
    source = node.inputs[0]
    for axis, count in enumerate(repeats):
        if count is None or count < 1 or (count > 1 and planner.is_batch(source, axis)):
            return None
    if set(repeats) <= {1}:
        return planner.layer("layers.Identity", node.name, [source], node, {})
    config = {"repeats": tuple(repeats)}
    return planner.layer("ops.tile", node.name, [source], node, config)


@converts("ReverseV2")
def reverse(planner: Planner, node: Node) -> LayerRecord | None:
    axes = planner.constant(node.inputs[1])
    shape = planner.shape(node.inputs[0])
    if axes is None or not shape:
        return None
    turned = {int(axis) % len(shape) for axis in np.ravel(axes)}
    if not turned or any(planner.is_batch(node.inputs[0], axis) for axis in turned):
        return None
    key = tuple(slice(None, None, -1 if axis in turned else None) for axis in range(len(shape)))
    return planner.layer("ops.get_item", node.name, [node.inputs[0]], node, {"key": key})


@converts("DepthToSpace", "SpaceToDepth")
def depth_and_space(planner: Planner, node: Node) -> LayerRecord | None:
    """Blocks of channels become blocks of pixels, or the other way round.

    Source: tensorflow:tensorflow/core/ops/array_ops.cc, DepthToSpace and SpaceToDepth, NHWC.
    """
    shape = planner.shape(node.inputs[0])
    block = node.attr("block_size")
    if not shape or len(shape) != 4 or node.attr("data_format", "NHWC") != "NHWC":
        return None
    _, height, width, channels = shape
    if channels is None or (height is None and width is None):
        return None

    def size(pixels: int | None, factor: int) -> int:
        return -1 if pixels is None else pixels * factor

    def blocks(pixels: int | None) -> int:
        return -1 if pixels is None else pixels // block

    if node.op == "DepthToSpace":
        parts = (size(height, 1), size(width, 1), block, block, channels // block**2)
        order = (1, 3, 2, 4, 5)
        whole = (size(height, block), size(width, block), channels // block**2)
    else:
        parts = (blocks(height), block, blocks(width), block, channels)
        order = (1, 3, 2, 4, 5)
        whole = (blocks(height), blocks(width), channels * block**2)
    split = planner.step("layers.Reshape", node, "blocks", node.inputs, {"target_shape": parts})
    turned = planner.step("layers.Permute", node, "order", [split], {"dims": order})
    return planner.layer("layers.Reshape", node.name, [turned], node, {"target_shape": whole})
