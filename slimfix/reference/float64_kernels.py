"""Writes ops that TensorFlow has no float64 kernel for in ops that have one."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.view import Node
from slimfix.reference.nodes import Steps
from slimfix.reference.normalise import write_out
from slimfix.reference.plain_graph import STAYS_FLOAT32

_DOUBLE = 2  # tensorflow/core/framework/types.proto
_HALF = np.float32(0.5)


def write_in_float64(node: Node) -> tuple[list[Node], dict[str, str]]:
    """Returns nodes that compute in float64 what one node computes.

    Args:
      node: any, channels last; one whose kernel knows float64 is returned as it is.
    Returns: the nodes, and the new tensor name by the old one for outputs beyond the first.
    """
    if node.op in FUSED_OPS:
        return write_out(node)
    write = _WRITERS.get(node.op)
    if write is None or node.attr("T") == _DOUBLE:
        return [node], {}
    steps = Steps(node.name)
    write(steps, node)
    return steps.nodes, {}


def _local_response(steps: Steps, node: Node) -> None:
    """x * (bias + alpha * sum of x^2 over 2 * depth_radius + 1 channels) ^ -beta.

    Source: tensorflow:tensorflow/core/ops/nn_ops.cc, LRN; Krizhevsky et al. 2012, section 3.3.
    """
    import tensorflow.compat.v1 as tf

    double, x = tf.float64, node.inputs[0]
    shape = steps.shape(x, double)
    one = steps.integers(1)
    column = steps.join(tf.int32, steps.integers(-1), steps.pick(shape, 3), one, one)
    squares = steps.reshape(steps.add("Square", x, T=double), column, double)
    window = steps.constant(np.ones((2 * node.attr("depth_radius", 5) + 1, 1, 1, 1)))
    sums = steps.add("Conv2D", squares, window, T=double, strides=[1, 1, 1, 1], padding="SAME")
    numbers = {"alpha": 1.0, "bias": 1.0, "beta": 0.5}
    alpha, bias, beta = (
        steps.constant(np.float64(node.attr(key, default))) for key, default in numbers.items()
    )
    scaled = steps.add("Mul", steps.reshape(sums, shape, double), alpha, T=double)
    power = steps.add("Pow", steps.add("AddV2", scaled, bias, T=double), beta, T=double)
    steps.end("RealDiv", x, power, T=double)


def _pool_volume(pool: str) -> Callable[[Steps, Node], None]:
    """Pools height and width, then depth: a maximum is one of maxima, and a mean of equally many
    is one of means. With SAME too, where a window is cut off along each axis by itself."""

    def write(steps: Steps, node: Node) -> None:
        import tensorflow.compat.v1 as tf

        double = tf.float64
        ksize, strides, padding = (node.attr(key) for key in ("ksize", "strides", "padding"))
        shape = steps.shape(node.inputs[0], double)
        rest = steps.integers(-1)
        images = steps.join(tf.int32, rest, steps.pick(shape, 2, 3, 4))
        flat = steps.reshape(node.inputs[0], images, double)
        across = {"ksize": [1, *ksize[2:]], "strides": [1, *strides[2:]]}
        pooled = steps.add(pool, flat, T=double, padding=padding, **across)
        new = steps.shape(pooled, double)
        columns = steps.join(tf.int32, steps.pick(shape, 0, 1), rest, steps.pick(shape, 4))
        flat = steps.reshape(pooled, columns, double)
        along = {"ksize": [1, ksize[1], 1, 1], "strides": [1, strides[1], 1, 1]}
        pooled = steps.add(pool, flat, T=double, padding=padding, **along)
        volume = steps.join(tf.int32, steps.pick(shape, 0), rest, steps.pick(new, 1, 2, 3))
        steps.end("Reshape", pooled, volume, T=double, Tshape=tf.int32)

    return write


def _resize_bilinear(steps: Steps, node: Node) -> None:
    """Mixes two columns, then two rows. Where a pixel lies is computed in float32, as there.

    Source: tensorflow:tensorflow/core/kernels/image/resize_bilinear_op.cc,
      compute_interpolation_weights; image_resizer_state.h, CalculateResizeScale.
    """
    import tensorflow.compat.v1 as tf

    double, (images, sizes) = tf.float64, node.inputs
    source = tf.as_dtype(node.attr("T"))
    if source != tf.float32:
        images = steps.add("Cast", images, SrcT=source, DstT=double)
    for axis, target in ((2, [1, -1, 1]), (1, [-1, 1, 1])):
        before = steps.pick(steps.shape(images, double), axis)
        lower, upper, share = _places(steps, node, before, steps.pick(sizes, axis - 1))
        share = steps.reshape(share, steps.integers(*target), double)
        kinds = {"Tparams": double, "Tindices": tf.int32, "Taxis": tf.int32}
        along = steps.constant(np.int32(axis))
        low, high = (steps.add("GatherV2", images, each, along, **kinds) for each in (lower, upper))
        step = steps.add("Mul", steps.add("Sub", high, low, T=double), share, T=double)
        images = steps.add("AddV2", low, step, T=double)
    steps.end("Identity", images, T=double)


def _places(steps: Steps, node: Node, before: str, after: str) -> tuple[str, str, str]:
    """Returns int32 [after] lower and upper pixel and, in float64, the share of the upper one.

    Args:
      before, after: int32 [1], the number of pixels.
    """
    import tensorflow.compat.v1 as tf

    single = {"T": tf.float32, STAYS_FLOAT32: True}
    integers = {"T": tf.int32}
    scalar = steps.constant(np.zeros(0, np.int32))
    one, zero = steps.integers(1), steps.constant(np.int32(0))

    def as_single(tensor: str) -> str:
        return steps.add("Cast", tensor, SrcT=tf.int32, DstT=tf.float32, **{STAYS_FLOAT32: True})

    def as_integers(tensor: str) -> str:
        return steps.add("Cast", tensor, SrcT=tf.float32, DstT=tf.int32, **{STAYS_FLOAT32: True})

    def half() -> str:
        return steps.add("Const", dtype=tf.float32, value=np.array(_HALF), **{STAYS_FLOAT32: True})

    end = steps.reshape(after, scalar, tf.int32)
    pixels = as_single(steps.add("Range", zero, end, steps.constant(np.int32(1)), Tidx=tf.int32))
    last = steps.add("Sub", before, one, **integers)
    old, new = before, after
    if node.attr("align_corners", False):  # A single new pixel lies at 0, whatever the scale.
        old = last
        new = steps.add("Maximum", steps.add("Sub", after, one, **integers), one, **integers)
    scale = steps.add("RealDiv", as_single(old), as_single(new), **single)
    if node.attr("half_pixel_centers", False):
        middle = steps.add("AddV2", pixels, half(), **single)
        exact = steps.add("Sub", steps.add("Mul", middle, scale, **single), half(), **single)
    else:
        exact = steps.add("Mul", pixels, scale, **single)
    below = steps.add("Floor", exact, **single)
    lower = steps.add("Maximum", as_integers(below), zero, **integers)
    above = as_integers(steps.add("Ceil", exact, **single))
    upper = steps.add("Minimum", above, last, **integers)
    share = steps.add("Sub", exact, below, **single)
    widened: dict[str, Any] = {"SrcT": tf.float32, "DstT": tf.float64, STAYS_FLOAT32: True}
    return lower, upper, steps.add("Cast", share, **widened)


_WRITERS: dict[str, Callable[[Steps, Node], None]] = {
    "AvgPool3D": _pool_volume("AvgPool"),
    "LRN": _local_response,
    "MaxPool3D": _pool_volume("MaxPool"),
    "ResizeBilinear": _resize_bilinear,
}
