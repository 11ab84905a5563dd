"""slim.conv2d_in_plane: one kernel, [height, width, 1, 1], for every channel."""

from __future__ import annotations

import dataclasses

from slimfix.graphdef.view import Node
from slimfix.migration.converters.convolution import with_window
from slimfix.migration.converters.kernel import read_kernel, regularizer
from slimfix.migration.converters.product import Product, Stage
from slimfix.migration.converters.sliding import read_plain
from slimfix.migration.planner import Planner


def read_in_plane(planner: Planner, node: Node) -> Product | None:
    """Returns the convolution of a depthwise op whose kernel the graph tiles over the channels.

    In Keras the channels become an axis of space with a window of one, so that the kernel stays
    one weight: a convolution over three axes.
    """
    tile = planner.producer(node.inputs[1], "Tile")
    kernel = read_kernel(planner, tile.inputs[0]) if tile else None
    shape = planner.shape(node.inputs[0])
    if tile is None or kernel is None or not shape or shape[-1] is None:
        return None
    counts = planner.constant(tile.inputs[1])
    sliding = read_plain(node, kernel)
    if sliding is None or counts is None or kernel.shape[2:] != (1, 1):
        return None
    if counts.tolist() != [1, 1, shape[-1], 1]:
        return None
    window = (*kernel.shape[:2], 1)
    flat = kernel.reshaped((*window, 1, 1))
    volume = dataclasses.replace(
        sliding,
        kernel=flat,
        strides=(*sliding.strides, 1),
        dilations=(*sliding.dilations, 1),
        pads=sliding.pads if isinstance(sliding.pads, str) else (*sliding.pads, (0, 0)),
    )
    config = {
        "filters": 1,
        "kernel_size": window,
        "kernel_regularizer": regularizer(planner, kernel),
        "use_bias": False,
    }
    weights = (flat.record(planner, "kernel"),)
    product = Product(node.inputs[0], "layers.Conv3D", config, weights, shape[-1], takes_bias=False)
    windowed = with_window(planner, product, volume)
    if windowed is None:
        return None
    return dataclasses.replace(
        windowed,
        before=(Stage("ops.expand_dims", {"axis": -1}), *windowed.before),
        after=(*windowed.after, Stage("ops.squeeze", {"axis": -1})),
    )
