"""Layers with a kernel: convolution, depthwise and separable convolution, fully connected."""

from __future__ import annotations

from typing import Any

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord, WeightRecord
from slimfix.migration.registry import converts

_KERNEL_OPS = ("Conv2D", "DepthwiseConv2dNative", "MatMul")


@converts(*_KERNEL_OPS)
def unbiased(planner: Planner, node: Node) -> LayerRecord | None:
    return _with_kernel(planner, node, node, None)


@converts("BiasAdd", "Add", "AddV2")
def biased(planner: Planner, node: Node) -> LayerRecord | None:
    for product, bias in (node.inputs, node.inputs[::-1]):
        kernel_node = planner.producer(product, *_KERNEL_OPS)
        if (
            kernel_node is not None
            and planner.variable(bias) is not None
            and len(planner.shape(bias) or ()) == 1
            and node.attr("data_format", "NHWC") == "NHWC"
            and planner.only_consumer_is(product, node)
        ):
            return _with_kernel(planner, kernel_node, node, bias)
    return None


def _with_kernel(planner: Planner, node: Node, end: Node, bias: str | None) -> LayerRecord | None:
    if planner.variable(node.inputs[1]) is None:
        return None
    if node.op == "MatMul":
        return _dense(planner, node, end, bias)
    if not _is_plain_convolution(node):
        return None
    if node.op == "DepthwiseConv2dNative":
        return _depthwise(planner, node, end, bias)
    return _separable(planner, node, end, bias) or _convolution(planner, node, end, bias)


def _dense(planner: Planner, node: Node, end: Node, bias: str | None) -> LayerRecord | None:
    if node.attr("transpose_a") or node.attr("transpose_b"):
        return None
    config: dict[str, Any] = {
        "units": planner.weight("kernel", node.inputs[1]).shape[1],
        "kernel_regularizer": planner.regularizer(node.inputs[1]),
    }
    kernel = planner.weight("kernel", node.inputs[1])
    return _layer(planner, "layers.Dense", node.inputs[0], end, config, (kernel,), bias)


def _convolution(planner: Planner, node: Node, end: Node, bias: str | None) -> LayerRecord:
    kernel = planner.weight("kernel", node.inputs[1])
    config = {
        "filters": kernel.shape[3],
        "kernel_size": kernel.shape[:2],
        "kernel_regularizer": planner.regularizer(node.inputs[1]),
        "groups": _groups(planner, node, kernel),
        **_spatial(node),
    }
    return _layer(planner, "layers.Conv2D", node.inputs[0], end, config, (kernel,), bias)


def _depthwise(planner: Planner, node: Node, end: Node, bias: str | None) -> LayerRecord:
    # Keras names this weight 'kernel' and its regularizer 'depthwise_regularizer'.
    kernel = planner.weight("kernel", node.inputs[1])
    config = {
        "kernel_size": kernel.shape[:2],
        "depth_multiplier": kernel.shape[3],
        "depthwise_regularizer": planner.regularizer(node.inputs[1]),
        **_spatial(node),
    }
    target = "layers.DepthwiseConv2D"
    return _layer(planner, target, node.inputs[0], end, config, (kernel,), bias)


def _separable(planner: Planner, node: Node, end: Node, bias: str | None) -> LayerRecord | None:
    """slim.separable_conv2d: a depthwise convolution, then one of 1 by 1, in one scope."""
    first = planner.producer(node.inputs[0], "DepthwiseConv2dNative")
    if first is None or not planner.only_consumer_is(node.inputs[0], node):
        return None
    if not _is_plain_convolution(first) or planner.variable(first.inputs[1]) is None:
        return None
    depthwise = planner.weight("depthwise_kernel", first.inputs[1])
    pointwise = planner.weight("pointwise_kernel", node.inputs[1])
    same_scope = names.parent_scope(depthwise.variable) == names.parent_scope(pointwise.variable)
    one_by_one = pointwise.shape[:2] == (1, 1) and node.attr("strides") == [1, 1, 1, 1]
    if not same_scope or not one_by_one:
        return None
    config = {
        "filters": pointwise.shape[3],
        "kernel_size": depthwise.shape[:2],
        "depth_multiplier": depthwise.shape[3],
        "depthwise_regularizer": planner.regularizer(first.inputs[1]),
        "pointwise_regularizer": planner.regularizer(node.inputs[1]),
        **_spatial(first),
    }
    target = "layers.SeparableConv2D"
    weights = (depthwise, pointwise)
    return _layer(planner, target, first.inputs[0], end, config, weights, bias)


def _layer(
    planner: Planner,
    target: str,
    source: str,
    end: Node,
    config: dict[str, Any],
    kernels: tuple[WeightRecord, ...],
    bias: str | None,
) -> LayerRecord:
    weights = kernels
    config = {**config, "use_bias": bias is not None}
    if bias is not None:
        weights = (*kernels, planner.weight("bias", bias))
        config["bias_regularizer"] = planner.regularizer(bias)
    scope = names.parent_scope(kernels[0].variable) or end.name
    return planner.layer(target, scope, [source], end, config, weights)


def _is_plain_convolution(node: Node) -> bool:
    spatial = _spatial(node)
    both = max(spatial["strides"]) > 1 and max(spatial["dilation_rate"]) > 1  # Keras takes one.
    return (
        node.attr("data_format", "NHWC") == "NHWC"
        and node.attr("padding") in ("SAME", "VALID")
        and not both
    )


def _spatial(node: Node) -> dict[str, Any]:
    return {
        "strides": tuple(node.attr("strides")[1:3]),
        "dilation_rate": tuple((node.attr("dilations") or [1, 1, 1, 1])[1:3]),
        "padding": node.attr("padding").lower(),
        "data_format": "channels_last",
    }


def _groups(planner: Planner, node: Node, kernel: WeightRecord) -> int:
    shape = planner.shape(node.inputs[0])
    channels = shape[3] if shape else None
    return 1 if channels is None else channels // kernel.shape[2]
