"""Writes FusedBatchNorm out in primitive ops, for float64, which its kernels do not know."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix.graphdef.view import Node


def write_out(graph_def: Any, node: Node) -> dict[str, str]:
    """Adds nodes that compute what a fused batch norm computes, and the names of its outputs.

    Training mode: y = (x - mean) / sqrt(variance + epsilon) * scale + offset, with mean and
    biased variance over all axes but the channel's. Inference mode: the same with the given mean
    and variance. Outputs 1 and 2 are the mean and the *biased* variance: what follows from them
    is a moving average, which inference does not read.

    Args:
      graph_def: GraphDef that gains nodes.
      node: the fused batch norm, NHWC or NCHW, rank 4.
    Returns: new tensor name by old one, for the outputs 0 to 2.
    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithms 1 and 2;
      tensorflow:tensorflow/core/ops/nn_ops.cc, FusedBatchNorm.
    """
    x, scale, offset, mean, variance = node.inputs
    channels_first = node.attr("data_format", "NHWC") == "NCHW"

    def constant(name: str, value: Any) -> str:
        import tensorflow.compat.v1 as tf

        array = np.asarray(value)
        made = graph_def.node.add(name=f"{node.name}/{name}", op="Const")
        made.attr["dtype"].type = tf.as_dtype(array.dtype).as_datatype_enum
        made.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
        return made.name

    def op(kind: str, name: str, *inputs: str, **types: Any) -> str:
        made = graph_def.node.add(name=f"{node.name}/{name}" if name else node.name, op=kind)
        made.input.extend(inputs)
        made.attr["T"].type = 2  # DT_DOUBLE
        for key, value in types.items():
            if isinstance(value, bool):
                made.attr[key].b = value
            else:
                made.attr[key].type = value
        return made.name

    def per_channel(name: str, tensor: str) -> str:
        if not channels_first:
            return tensor
        return op("Reshape", name, tensor, broadcast, Tshape=3)  # DT_INT32

    broadcast = constant("broadcast", np.array([-1, 1, 1], np.int32)) if channels_first else ""
    if node.attr("is_training", True):
        axes = constant("axes", np.array([0, 2, 3] if channels_first else [0, 1, 2], np.int32))
        mean = op("Mean", "mean", x, axes, keep_dims=False, Tidx=3)
        deviation = op("Sub", "deviation", x, per_channel("mean_broadcast", mean))
        square = op("Square", "square", deviation)
        variance = op("Mean", "variance", square, axes, keep_dims=False, Tidx=3)
    else:
        deviation = op("Sub", "deviation", x, per_channel("mean_broadcast", mean))
    epsilon = constant("epsilon", np.float64(node.attr("epsilon")))
    spread = op("Sqrt", "stddev", op("AddV2", "stabilised", variance, epsilon))
    normal = op("RealDiv", "normal", deviation, per_channel("stddev_broadcast", spread))
    scaled = op("Mul", "scaled", normal, per_channel("scale_broadcast", scale))
    op("AddV2", "", scaled, per_channel("offset_broadcast", offset))
    return {f"{node.name}:1": mean, f"{node.name}:2": variance}
