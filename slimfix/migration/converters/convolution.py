"""Convolutions, plain, depthwise and separable, as Keras layers with a kernel."""

from __future__ import annotations

import dataclasses
from typing import Any

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import regularizer
from slimfix.migration.converters.product import Product, Stage
from slimfix.migration.converters.sliding import Pads, Sliding, read_sliding, same_pads
from slimfix.migration.planner import Planner

_LAST = {"data_format": "channels_last"}


def read_convolution(planner: Planner, node: Node) -> Product | None:
    """Returns the convolution that `node` ends."""
    sliding = read_sliding(planner, node)
    if sliding is None:
        return None
    if sliding.depthwise:
        return _depthwise(planner, sliding)
    groups = _groups(planner, sliding)
    return None if groups is None else convolution(planner, sliding, groups)


def convolution(planner: Planner, sliding: Sliding, groups: int) -> Product | None:
    """Returns the Keras convolution of as many axes as the window has."""
    config = {
        "filters": sliding.kernel.shape[-1],
        "kernel_size": sliding.window,
        "kernel_regularizer": regularizer(planner, sliding.kernel),
        "groups": groups,
    }
    kernel = sliding.kernel.record(planner, "kernel")
    target = f"layers.Conv{len(sliding.window)}D"
    product = Product(sliding.source, target, config, (kernel,), sliding.kernel.shape[-1])
    return with_window(planner, product, sliding)


def _groups(planner: Planner, sliding: Sliding) -> int | None:
    """A kernel that reads fewer channels than there are reads them in groups."""
    shape = planner.shape(sliding.source)
    channels = shape[-1] if shape else None
    if channels is None:
        return 1
    return None if channels % sliding.kernel.shape[-2] else channels // sliding.kernel.shape[-2]


def _depthwise(planner: Planner, sliding: Sliding) -> Product | None:
    # Keras names this weight 'kernel' and its regularizer 'depthwise_regularizer'.
    channels, multiplier = sliding.kernel.shape[2:]
    config = {
        "kernel_size": sliding.window,
        "depth_multiplier": multiplier,
        "depthwise_regularizer": regularizer(planner, sliding.kernel),
    }
    kernel = sliding.kernel.record(planner, "kernel")
    target = "layers.DepthwiseConv2D"
    product = Product(sliding.source, target, config, (kernel,), channels * multiplier)
    return with_window(planner, product, sliding)


def with_window(planner: Planner, product: Product, sliding: Sliding) -> Product | None:
    """Adds strides, dilation and padding, with the layers that Keras needs for some of them."""
    rank, strides = len(sliding.window), sliding.strides
    pads: Pads | None = sliding.pads
    config: dict[str, Any] = {
        "strides": strides,
        "dilation_rate": sliding.dilations,
        "padding": pads,
        **_LAST,
    }
    before: tuple[Stage, ...] = ()
    after: tuple[Stage, ...] = ()
    if max(strides) > 1 and max(sliding.dilations) > 1:  # Keras takes one of them.
        shape = planner.shape(sliding.source)
        if pads == "same":
            sizes = shape[1:-1] if shape else (None,)
            pads = same_pads(sizes, sliding.window, strides, sliding.dilations)
        config["strides"] = (1,) * rank
        picks = {"pool_size": (1,) * rank, "strides": strides, "padding": "valid", **_LAST}
        after = (Stage(f"layers.MaxPooling{rank}D", picks),)
    if pads is None:
        return None
    if not isinstance(pads, str):
        config["padding"] = "valid"
        padding: Any = pads[0] if rank == 1 else pads
        before = (Stage(f"layers.ZeroPadding{rank}D", {"padding": padding, **_LAST}),)
    return dataclasses.replace(
        product, config={**product.config, **config}, before=before, after=after
    )


def read_separable(planner: Planner, node: Node) -> Product | None:
    """slim.separable_conv2d: a depthwise convolution, then one of 1 by 1, in one scope."""
    pointwise = read_sliding(planner, node)
    if (
        pointwise is None
        or node.op != "Conv2D"
        or not planner.only_consumer_is(pointwise.source, node)
    ):
        return None
    inner = planner.producer(pointwise.source, "DepthwiseConv2dNative", "BatchToSpaceND")
    first = read_convolution(planner, inner) if inner else None
    if first is None or first.target != "layers.DepthwiseConv2D" or first.after:
        return None
    one_by_one = pointwise.window == (1, 1) == pointwise.strides
    depthwise = dataclasses.replace(first.weights[0], name="depthwise_kernel")
    second = pointwise.kernel.record(planner, "pointwise_kernel")
    same_scope = names.parent_scope(depthwise.variable) == names.parent_scope(second.variable)
    no_pads = isinstance(pointwise.pads, str)
    if not one_by_one or not same_scope or not no_pads or first.channels != second.shape[2]:
        return None
    return dataclasses.replace(
        first,
        target="layers.SeparableConv2D",
        config={
            **first.config,
            "filters": second.shape[3],
            "pointwise_regularizer": regularizer(planner, pointwise.kernel),
        },
        weights=(depthwise, second),
        channels=second.shape[3],
    )
