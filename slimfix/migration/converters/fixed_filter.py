"""Convolutions with a constant kernel, such as a blur: there is nothing to train."""

from __future__ import annotations

from typing import Any

from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import Kernel
from slimfix.migration.converters.sliding import read_plain
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("Conv2D", "Conv3D", "DepthwiseConv2dNative")
def fixed_filter(planner: Planner, node: Node) -> LayerRecord | None:
    value, shape = planner.constant(node.inputs[1]), planner.shape(node.inputs[0])
    if value is None or not shape or shape[-1] != value.shape[-2]:
        return None
    sliding = read_plain(node, Kernel("", value.shape, (), ()))
    if sliding is None or min(max(sliding.strides), max(sliding.dilations)) > 1:
        return None
    config: dict[str, Any] = {
        "kernel": value,
        # Keras's depthwise operation takes one stride for both axes.
        "strides": sliding.strides[0] if sliding.depthwise else sliding.strides,
        "padding": sliding.pads if isinstance(sliding.pads, str) else "valid",
        "data_format": "channels_last",
        "dilation_rate": sliding.dilations,
    }
    source = node.inputs[0]
    if not isinstance(sliding.pads, str):
        widths = ((0, 0), *sliding.pads, (0, 0))
        source = planner.step("ops.pad", node, "padded", [source], {"pad_width": widths})
    target = "ops.depthwise_conv" if sliding.depthwise else "ops.conv"
    return planner.layer(target, node.name, [source], node, config)
