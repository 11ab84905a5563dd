"""Padding with a constant, or with what lies inside the border."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.converters.elementwise import argument
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("Pad", "PadV2")
def pad(planner: Planner, node: Node) -> LayerRecord | None:
    value = planner.constant(node.inputs[2]) if node.op == "PadV2" else np.zeros(())
    pairs = _widths(planner, node)
    if pairs is None or value is None:
        return None
    source = [node.inputs[0]]
    config: dict[str, Any]
    if len(pairs) == 4 and pairs[0] == pairs[3] == (0, 0) and value == 0:
        config = {"padding": pairs[1:3], "data_format": "channels_last"}
        return planner.layer("layers.ZeroPadding2D", node.name, source, node, config)
    config = {"pad_width": pairs, "constant_values": argument(value)}
    return planner.layer("ops.pad", node.name, source, node, config)


@converts("MirrorPad")
def mirror_pad(planner: Planner, node: Node) -> LayerRecord | None:
    pairs = _widths(planner, node)
    if pairs is None or node.attr("mode") not in ("REFLECT", "SYMMETRIC"):
        return None
    config = {"pad_width": pairs, "mode": node.attr("mode").lower()}
    return planner.layer("ops.pad", node.name, [node.inputs[0]], node, config)


def _widths(planner: Planner, node: Node) -> tuple[tuple[int, ...], ...] | None:
    """Returns (before, after) for each axis, if they are constant and leave the batch alone."""
    widths = planner.constant(node.inputs[1])
    if widths is None:
        return None
    pairs = tuple(tuple(int(width) for width in pair) for pair in widths)
    padded = [axis for axis, pair in enumerate(pairs) if any(pair)]
    if any(planner.is_batch(node.inputs[0], axis) for axis in padded):
        return None
    return pairs
