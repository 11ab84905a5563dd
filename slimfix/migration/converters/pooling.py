"""Pooling: windows over space."""

from __future__ import annotations

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("MaxPool", "AvgPool")
def windowed(planner: Planner, node: Node) -> LayerRecord | None:
    """Both sides leave SAME padding out of an average's count."""
    if node.attr("data_format", "NHWC") != "NHWC" or node.attr("padding") == "EXPLICIT":
        return None
    window, strides = node.attr("ksize"), node.attr("strides")
    if (window[0], window[3], strides[0], strides[3]) != (1, 1, 1, 1):
        return None
    config = {
        "pool_size": tuple(window[1:3]),
        "strides": tuple(strides[1:3]),
        "padding": node.attr("padding").lower(),
        "data_format": "channels_last",
    }
    target = "layers.MaxPooling2D" if node.op == "MaxPool" else "layers.AveragePooling2D"
    return planner.layer(target, layer_scope(node), [node.inputs[0]], node, config)


def layer_scope(node: Node) -> str:
    """Returns the scope of a layer without variables: 'net/pool1/MaxPool' gives 'net/pool1'."""
    scope = names.parent_scope(node.name)
    return scope or node.name
