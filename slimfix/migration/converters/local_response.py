"""Local response normalisation, of which Keras has no layer."""

from __future__ import annotations

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.dtypes import FLOAT32
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("LRN")
def local_response(planner: Planner, node: Node) -> LayerRecord | None:
    """x * (bias + alpha * sum of the squares of the channels around)**-beta.

    The sum is not divided by the window's size; a window is cut off at the first and last channel.

    Source: Krizhevsky et al. 2012, section 3.3; tensorflow:tensorflow/core/kernels/lrn_op.cc.
    """
    shape = planner.shape(node.inputs[0])
    if not shape or shape[-1] is None or node.attr("T", FLOAT32) != FLOAT32:
        return None
    channels = np.arange(shape[-1])
    near = np.abs(channels[:, None] - channels) <= node.attr("depth_radius", 5)
    window = np.where(near, node.attr("alpha", 1.0), 0.0).astype(np.float32)
    squares = planner.step("ops.square", node, "squares", node.inputs, {})
    sums = planner.step("ops.matmul", node, "sums", [squares], {"x2": window})
    bias = {"x2": node.attr("bias", 1.0)}
    biased = planner.step("ops.add", node, "biased", [sums], bias)
    power = {"x2": -node.attr("beta", 0.5)}
    factor = planner.step("ops.power", node, "factor", [biased], power)
    return planner.layer("layers.Multiply", node.name, [node.inputs[0], factor], node, {})
