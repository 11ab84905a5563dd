"""Dilated convolution as SpaceToBatchND, a dense convolution, and BatchToSpaceND."""

import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert


def _weights(shape, name="weights"):
    import tensorflow.compat.v1 as tf

    return tf.get_variable(f"c/{name}", shape)


def _sandwich(x, kernel, paddings, crops, block=(2, 3), padding="VALID"):
    import tensorflow.compat.v1 as tf

    net = tf.space_to_batch_nd(x, list(block), paddings)
    net = tf.nn.conv2d(net, kernel, 1, padding)
    return tf.batch_to_space_nd(net, list(block), crops)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("rate", [2, [2, 1], [1, 3]])
def test_rate_of_slim(x, prove, padding, rate):
    from slimfix import slim

    net = slim.conv2d(x, 3, [3, 2], rate=rate, padding=padding, scope="c")
    kinds, migration = prove(net)
    assert kinds == ["Conv2D", "ReLU"]
    layer = migration.model.get_layer("c")
    assert layer.dilation_rate == tuple(rate if isinstance(rate, list) else [rate, rate])
    assert layer.padding == padding.lower()
    assert [weight.path for weight in migration.model.weights] == ["c/kernel", "c/bias"]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_depthwise_and_separable(x, prove, padding):
    import tensorflow.compat.v1 as tf

    depthwise, pointwise = _weights([3, 2, 4, 2], "depthwise"), _weights([1, 1, 8, 5], "pointwise")
    net = tf.nn.separable_conv2d(x, depthwise, pointwise, [1, 1, 1, 1], padding, rate=[2, 2])
    assert prove(net)[0] == ["SeparableConv2D"]


def test_depthwise_alone(x, prove):
    import tensorflow.compat.v1 as tf

    net = tf.nn.depthwise_conv2d(x, _weights([3, 2, 4, 2]), [1, 1, 1, 1], "SAME", rate=[2, 1])
    assert prove(net)[0] == ["DepthwiseConv2D"]


def test_padding_that_is_neither_same_nor_valid(x, prove):
    """7 + 2 + 3 is 6 * 2, of which one is cropped; 5 + 1 + 0 is 2 * 3."""
    net = _sandwich(x, _weights([3, 2, 4, 3]), [[2, 3], [1, 0]], [[1, 1], [0, 0]])
    kinds, migration = prove(net)
    assert kinds == ["ZeroPadding2D", "Conv2D"]
    assert migration.model.layers[1].padding == ((1, 2), (1, 0))


def test_a_sandwich_over_one_axis_of_two(x, prove):
    net = _sandwich(x, _weights([3, 2, 4, 3]), [[0, 1]], [[0, 1]], block=[2])
    kinds, migration = prove(net)
    assert kinds == ["Conv2D"]
    assert migration.model.get_layer("c").dilation_rate == (2, 1)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_channels_first_is_channels_last_with_the_axes_moved(x, saved, padding):
    import tensorflow.compat.v1 as tf

    kernel = _weights([3, 2, 4, 3])
    last = tf.nn.convolution(x, kernel, padding, dilations=[2, 3])
    first_x = tf.placeholder(tf.float32, [None, 4, 7, 5], name="first")
    first = tf.nn.convolution(first_x, kernel, padding, dilations=[2, 3], data_format="NCHW")
    checkpoint = saved()
    moved = convert(checkpoint, inputs=["first:0"], outputs=[first.name])
    plain = convert(checkpoint, inputs=["x:0"], outputs=[last.name])
    assert [record.target for record in moved.plan.layers] == ["layers.Conv2D"]
    assert moved.plan.layers[0].config == plain.plan.layers[0].config


@pytest.mark.parametrize(
    "change",
    [
        {"padding": "SAME"},  # Pads every piece by itself: no dilated convolution at all.
        {"crops": [[0, 3], [0, 1]]},  # Crops more than was padded.
    ],
)
def test_what_is_no_dilated_convolution_is_refused(x, saved, change):
    arguments = {"paddings": [[0, 1], [0, 1]], "crops": [[0, 1], [0, 1]], **change}
    net = _sandwich(x, _weights([3, 2, 4, 3]), **arguments)
    with pytest.raises(UnsupportedOpError, match="SpaceToBatchND"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_blocks_that_differ_are_refused(x, saved):
    import tensorflow.compat.v1 as tf

    net = tf.space_to_batch_nd(x, [2, 3], [[0, 1], [0, 1]])
    net = tf.nn.conv2d(net, _weights([1, 1, 4, 3]), 1, "VALID")
    net = tf.batch_to_space_nd(net, [3, 2], [[0, 0], [0, 0]])
    with pytest.raises(UnsupportedOpError, match="BatchToSpaceND"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_a_result_that_somebody_reads_between_is_not_swallowed(x, saved):
    import tensorflow.compat.v1 as tf

    inner = tf.nn.conv2d(
        tf.space_to_batch_nd(x, [1, 1], [[0, 0], [0, 0]]), _weights([1, 1, 4, 3]), 1, "VALID"
    )
    net = tf.batch_to_space_nd(inner, [1, 1], [[0, 0], [0, 0]])
    with pytest.raises(UnsupportedOpError, match="BatchToSpaceND"):
        convert(saved(), inputs=["x:0"], outputs=[net.name, inner.name])
