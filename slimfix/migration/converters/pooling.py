"""Pooling: windows over space."""

from __future__ import annotations

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

_WINDOWED = {
    "AvgPool": ("layers.AveragePooling2D", "NHWC"),
    "AvgPool3D": ("layers.AveragePooling3D", "NDHWC"),
    "MaxPool": ("layers.MaxPooling2D", "NHWC"),
    "MaxPool3D": ("layers.MaxPooling3D", "NDHWC"),
    "MaxPoolV2": ("layers.MaxPooling2D", "NHWC"),
    "MaxPoolWithArgmax": ("layers.MaxPooling2D", "NHWC"),
}


@converts(*_WINDOWED)
def windowed(planner: Planner, node: Node) -> LayerRecord | None:
    """Both sides leave SAME padding out of an average's count.

    Of MaxPoolWithArgmax only the maxima: nothing in Keras gives their places.
    """
    target, layout = _WINDOWED[node.op]
    window, strides = _window(planner, node)
    if window is None or strides is None or node.attr("data_format", layout) != layout:
        return None
    if (window[0], window[-1], strides[0], strides[-1]) != (1, 1, 1, 1):
        return None
    if node.attr("padding") not in ("SAME", "VALID"):
        return None
    config = {
        "pool_size": tuple(window[1:-1]),
        "strides": tuple(strides[1:-1]),
        "padding": node.attr("padding").lower(),
        "data_format": "channels_last",
    }
    return planner.layer(target, layer_scope(node), [node.inputs[0]], node, config)


def _window(planner: Planner, node: Node) -> tuple[list[int] | None, list[int] | None]:
    if node.op != "MaxPoolV2":
        return node.attr("ksize"), node.attr("strides")
    window, strides = (planner.constant(tensor) for tensor in node.inputs[1:3])
    return (
        None if window is None else [int(size) for size in window],
        None if strides is None else [int(size) for size in strides],
    )


def layer_scope(node: Node) -> str:
    """Returns the scope of a layer without variables: 'net/pool1/MaxPool' gives 'net/pool1'."""
    scope = names.parent_scope(node.name)
    return scope or node.name
