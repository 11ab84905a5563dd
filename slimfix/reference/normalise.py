"""Writes batch normalisation out in primitive ops.

FusedBatchNorm has no float64 kernel; and a layer that was built to train is run in inference mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.reference.nodes import Steps, output


def normalise(
    steps: Steps,
    dtype: Any,
    x: str,
    mean: str,
    variance: str,
    epsilon: float,
    scale: str | None,
    offset: str | None,
) -> None:
    """Ends some steps with (x - mean) / sqrt(variance + epsilon) * scale + offset.

    Args:
      steps: gain nodes.
      dtype: tf.DType of all tensors.
      x: tensor name; the others must broadcast against it: channels last, or shaped to fit.
      mean, variance: tensor names.
      epsilon: what is added to the variance.
      scale, offset: tensor names; None where there is none.
    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2.
    """
    added = steps.constant(np.asarray(epsilon, dtype.as_numpy_dtype))
    spread = steps.add("Sqrt", steps.add("AddV2", variance, added, T=dtype), T=dtype)
    result = steps.add("RealDiv", steps.add("Sub", x, mean, T=dtype), spread, T=dtype)
    if scale is not None:
        result = steps.add("Mul", result, scale, T=dtype)
    if offset is not None:
        result = steps.add("AddV2", result, offset, T=dtype)
    steps.end("Identity", result, T=dtype)


def write_out(node: Node) -> tuple[list[Node], dict[str, str]]:
    """Returns nodes that compute in float64 what a fused batch norm computes.

    Training mode: y = (x - mean) / sqrt(variance + epsilon) * scale + offset, with mean and
    biased variance over all axes but the channel's. Inference mode: the same with the given mean
    and variance. Outputs 1 and 2 are the mean and, in training mode, the variance times
    N / max(N - 1, 1), for N elements a channel: what the moving averages take in.

    Args:
      node: the fused batch norm, channels last.
    Returns: the nodes, and the new tensor name by the old one for outputs 1 and 2.
    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithms 1 and 2;
      tensorflow:tensorflow/core/ops/nn_ops.cc, FusedBatchNorm; N / (N - 1):
      tensorflow:tensorflow/core/kernels/fused_batch_norm_op.cc.
    """
    import tensorflow.compat.v1 as tf

    x, scale, offset, mean, variance = node.inputs
    steps, double = Steps(node.name), tf.float64
    if node.attr("is_training", True):
        last = 4 if node.attr("data_format", "NHWC") == "NDHWC" else 3
        over = {"T": double, "Tidx": tf.int32, "keep_dims": False}
        axes = steps.integers(*range(last))
        mean = steps.add("Mean", x, axes, **over)
        square = steps.add("Square", steps.add("Sub", x, mean, T=double), T=double)
        variance = steps.add("Mean", square, axes, **over)
    taken_in = _unbiased(steps, x, variance) if node.attr("is_training", True) else variance
    normalise(steps, double, x, mean, variance, node.attr("epsilon", 1e-4), scale, offset)
    return steps.nodes, {output(node, 1): mean, output(node, 2): taken_in}


def _unbiased(steps: Steps, x: str, variance: str) -> str:
    """Returns variance * N / max(N - 1, 1), for the N elements of x in each channel of it."""
    import tensorflow.compat.v1 as tf

    double = tf.float64
    sizes = [steps.add("Size", each, T=double, out_type=tf.int32) for each in (x, variance)]
    wide = [steps.add("Cast", each, SrcT=tf.int32, DstT=double) for each in sizes]
    count = steps.add("RealDiv", *wide, T=double)
    one = steps.constant(np.float64(1.0))
    less = steps.add("Maximum", steps.add("Sub", count, one, T=double), one, T=double)
    return steps.add("Mul", variance, steps.add("RealDiv", count, less, T=double), T=double)
