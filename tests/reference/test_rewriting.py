"""What the reference says in other words, against what it stands for: kernels and closed forms."""

import numpy as np
import pytest

from slimfix.graphdef.functions import inline_functions
from tests.reference.run_once import run_reference

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def drawn(*shape):
    return np.random.default_rng(11).normal(size=shape).astype(np.float32)


def run(graph, fed, made, float64=True, read=lambda name: None):
    feeds = {"x:0": fed}
    view = inline_functions(graph.as_graph_def())
    (value,) = run_reference(view, read, feeds, [made.name], float64).values()
    return value


def in_float32(graph, fed, made):
    """What TensorFlow's own kernel gives."""
    import tensorflow.compat.v1 as tf

    with tf.Session(graph=graph) as session:
        return session.run(made, {"x:0": fed})


def check_against_kernel(graph, fed, made):
    value = run(graph, fed, made)
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, in_float32(graph, fed, made), rtol=2e-5, atol=2e-6)
    return value


def test_local_response_normalisation_in_float64(graph):
    import tensorflow.compat.v1 as tf

    fed = drawn(2, 3, 4, 7)
    x = tf.placeholder(tf.float32, [None, 3, 4, 7], name="x")
    made = tf.nn.lrn(x, depth_radius=2, bias=1.5, alpha=0.3, beta=0.75)
    value = check_against_kernel(graph, fed, made)
    wide = np.pad(fed.astype(np.float64), [(0, 0)] * 3 + [(2, 2)])
    sums = sum(wide[..., i : i + 7] ** 2 for i in range(5))
    expected = fed / (1.5 + np.float64(np.float32(0.3)) * sums) ** 0.75
    np.testing.assert_allclose(value, expected, **EXACT)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool3d", "avg_pool3d"])
def test_pooling_of_volumes_in_float64(graph, pool, padding):
    import tensorflow.compat.v1 as tf

    fed = drawn(2, 5, 6, 7, 3)
    x = tf.placeholder(tf.float32, [None, 5, 6, 7, 3], name="x")
    made = getattr(tf.nn, pool)(x, [1, 2, 3, 2, 1], [1, 2, 1, 3, 1], padding)
    check_against_kernel(graph, fed, made)


@pytest.mark.parametrize("size", [(7, 13), (3, 2), (1, 5), (5, 6)])
@pytest.mark.parametrize("how", [{}, {"align_corners": True}, {"half_pixel_centers": True}])
def test_bilinear_resize_in_float64(graph, size, how):
    import tensorflow.compat.v1 as tf

    fed = drawn(2, 5, 6, 3)
    x = tf.placeholder(tf.float32, [None, 5, 6, 3], name="x")
    made = tf.raw_ops.ResizeBilinear(images=x, size=size, **how)
    value = check_against_kernel(graph, fed, made)
    if size == (5, 6):
        np.testing.assert_allclose(value, fed, **EXACT)


def test_bilinear_resize_of_bytes_in_float64(graph):
    import tensorflow.compat.v1 as tf

    fed = np.random.default_rng(2).integers(0, 256, (2, 5, 6, 3)).astype(np.uint8)
    x = tf.placeholder(tf.uint8, [None, 5, 6, 3], name="x")
    check_against_kernel(graph, fed, tf.raw_ops.ResizeBilinear(images=x, size=[8, 9]) * 0.5)


def conv(tf, x, data_format, order):
    weights = tf.constant(drawn(2, 3, 6, 5))
    return tf.nn.conv2d(
        x,
        weights,
        order(1, 2, 1, 1),
        [[0, 0], *order([0, 0], [1, 0], [2, 1], [0, 0])[1:]],
        data_format=data_format,
        dilations=order(1, 1, 2, 1),
    )


def depthwise(tf, x, data_format, order):
    weights = tf.constant(drawn(2, 3, 6, 2))
    return tf.raw_ops.DepthwiseConv2dNative(
        input=x, filter=weights, strides=order(1, 2, 2, 1), padding="SAME", data_format=data_format
    )


def transposed(tf, x, data_format, order):
    weights = tf.constant(drawn(2, 3, 5, 6))
    shape = order(2, 14, 24, 5)
    strides = order(1, 2, 3, 1)
    return tf.nn.conv2d_transpose(x, weights, shape, strides, data_format=data_format)


def max_pool(tf, x, data_format, order):
    ksize, strides = order(1, 2, 3, 1), order(1, 2, 1, 1)
    return tf.nn.max_pool(x, ksize, strides, "SAME", data_format=data_format)


def avg_pool(tf, x, data_format, order):
    ksize, strides = order(1, 3, 2, 1), order(1, 1, 2, 1)
    return tf.nn.avg_pool(x, ksize, strides, "SAME", data_format=data_format)


def bias(tf, x, data_format, order):
    return tf.nn.bias_add(x, tf.constant(drawn(6)), data_format=data_format)


def batch_norm(tf, x, data_format, order):
    scale, offset, mean = drawn(3, 6)
    return tf.nn.fused_batch_norm(
        x, scale, offset, mean, scale**2, 2e-3, data_format=data_format, is_training=False
    )[0]


def batch_norm_mean(tf, x, data_format, order):
    scale, offset = drawn(2, 6)
    _, mean, _ = tf.nn.fused_batch_norm(x, scale, offset, data_format=data_format)
    return mean


def space_to_depth(tf, x, data_format, order):
    return tf.nn.space_to_depth(x, 2, data_format=data_format)


def depth_to_space(tf, x, data_format, order):
    x = tf.concat([x, 2 * x], 3 if data_format == "NHWC" else 1)
    return tf.nn.depth_to_space(x, 2, data_format=data_format)


@pytest.mark.parametrize("float64", [False, True])
@pytest.mark.parametrize(
    "op",
    [
        conv,
        depthwise,
        transposed,
        max_pool,
        avg_pool,
        bias,
        batch_norm,
        batch_norm_mean,
        space_to_depth,
        depth_to_space,
    ],
)
def test_channels_first_is_channels_last_between_transposes(graph, op, float64):
    """No CPU kernel knows NCHW: the same op on transposed data says what it must give."""
    import tensorflow.compat.v1 as tf

    fed = drawn(2, 6, 8, 6) if op is space_to_depth else drawn(2, 7, 8, 6)
    last = tf.placeholder(tf.float32, fed.shape, name="x")
    first = tf.transpose(last, [0, 3, 1, 2])
    expected = op(tf, last, "NHWC", lambda *sizes: list(sizes))
    made = op(tf, first, "NCHW", lambda n, h, w, c: [n, c, h, w])
    if made.shape.rank == 4:
        made = tf.transpose(made, [0, 2, 3, 1])
    value = run(graph, fed, made, float64)
    np.testing.assert_array_equal(value, run(graph, fed, expected, float64))
    assert value.dtype == (np.float64 if float64 else np.float32)


@pytest.mark.parametrize("op", ["Conv3D", "MaxPool3D", "AvgPool3D"])
def test_volumes_with_channels_first(graph, op):
    import tensorflow.compat.v1 as tf

    fed = drawn(2, 5, 6, 7, 3)
    last = tf.placeholder(tf.float32, fed.shape, name="x")
    first = tf.transpose(last, [0, 4, 1, 2, 3])

    def make(x, data_format, order):
        rest = {"strides": order(1, 2, 1, 3, 1), "padding": "SAME", "data_format": data_format}
        if op == "Conv3D":
            return tf.raw_ops.Conv3D(input=x, filter=drawn(2, 3, 1, 3, 4), **rest)
        return getattr(tf.raw_ops, op)(input=x, ksize=order(1, 2, 3, 1, 1), **rest)

    expected = make(last, "NDHWC", lambda *sizes: list(sizes))
    made = make(first, "NCDHW", lambda n, d, h, w, c: [n, c, d, h, w])
    made = tf.transpose(made, [0, 2, 3, 4, 1])
    np.testing.assert_array_equal(run(graph, fed, made), run(graph, fed, expected))
