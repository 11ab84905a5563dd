"""Convolutions in every form that TensorFlow writes, against the original graph in float64."""

import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.converters.sliding import as_padding, same_pads


def _weights(shape, name="weights"):
    import tensorflow.compat.v1 as tf

    return tf.get_variable(f"c/{name}", shape)


def _images(shape):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, shape, name="x")


@pytest.mark.parametrize("padding", ["SAME", "VALID", [[0, 0], [2, 1], [0, 3], [0, 0]]])
@pytest.mark.parametrize("stride", [1, [2, 1]])
def test_stride_and_dilation_together(x, prove, padding, stride):
    """Keras takes one of them: the dense result is picked from, padded as the stride asks."""
    import tensorflow.compat.v1 as tf

    net = tf.nn.conv2d(x, _weights([3, 2, 4, 3]), stride, padding, dilations=[1, 2])
    kinds, migration = prove(net)
    expected = (
        ["ZeroPadding2D"]
        if isinstance(padding, list) or padding + str(stride) == "SAME[2, 1]"
        else []
    )
    expected += ["Conv2D"] + (["MaxPooling2D"] if stride != 1 else [])
    assert kinds == expected
    assert [weight.path for weight in migration.model.weights] == ["c/kernel"]


def test_a_bias_goes_into_the_layer_before_what_follows_it(x, prove):
    import tensorflow.compat.v1 as tf

    net = tf.nn.conv2d(x, _weights([3, 2, 4, 3]), 2, "VALID", dilations=2)
    kinds, migration = prove(net + _weights([1, 1, 3], "biases"))
    assert kinds == ["Conv2D", "MaxPooling2D"]
    assert [weight.path for weight in migration.model.weights] == ["c/kernel", "c/bias"]


def test_explicit_padding_without_any_is_valid(x, prove):
    import tensorflow.compat.v1 as tf

    padding = [[0, 0], [1, 1], [0, 1], [0, 0]]
    assert prove(tf.nn.conv2d(x, _weights([3, 2, 4, 3]), 2, padding))[0][0] == "ZeroPadding2D"


def test_a_kernel_that_reads_half_the_channels_has_two_groups(x, prove):
    import tensorflow.compat.v1 as tf

    kinds, migration = prove(tf.nn.conv2d(x, _weights([3, 2, 2, 6]), 1, "SAME"))
    assert kinds == ["Conv2D"]
    assert migration.model.get_layer("c").groups == 2


def test_groups_by_split_share_one_kernel(x, prove):
    import tensorflow.compat.v1 as tf

    kernel = _weights([3, 2, 2, 6])
    parts = zip(tf.split(x, 2, axis=-1), tf.split(kernel, 2, axis=3))
    net = tf.concat([tf.nn.conv2d(a, b, [1, 2], "SAME") for a, b in parts], -1)
    kinds, migration = prove(net)
    assert kinds == ["Conv2D"]
    assert migration.model.get_layer("c").groups == 2


def test_groups_in_another_order_are_not_guessed(x, saved):
    import tensorflow.compat.v1 as tf

    parts = zip(tf.split(x, 2, axis=3), tf.split(_weights([3, 2, 2, 6]), 2, axis=3))
    results = [tf.nn.conv2d(a, b, 1, "SAME") for a, b in parts]
    net = tf.concat(results[::-1], 3)
    with pytest.raises(UnsupportedOpError, match="Conv2D"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


@pytest.mark.parametrize(
    "strides, dilations", [([1, 1, 1, 1], [1, 2, 2, 1]), ([1, 2, 1, 1], [1, 1, 1, 1])]
)
def test_a_depthwise_op_that_versions_read_otherwise_is_refused(x, saved, strides, dilations):
    import tensorflow.compat.v1 as tf

    kernel = _weights([3, 2, 4, 2])
    net = tf.nn.depthwise_conv2d_native(x, kernel, strides, "SAME", dilations=dilations)
    with pytest.raises(UnsupportedOpError, match="DepthwiseConv2dNative"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


@pytest.mark.parametrize("stride", [1, 2])
def test_in_plane_shares_its_kernel_between_channels(x, prove, stride):
    import tensorflow.compat.v1 as tf

    kernel = tf.tile(_weights([3, 2, 1, 1]), [1, 1, 4, 1])
    net = tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")
    kinds, migration = prove(net)
    assert kinds == ["expand_dims", "Conv3D", "squeeze"]
    assert [tuple(w.shape) for w in migration.model.weights] == [(3, 2, 1, 1, 1)]


def test_a_kernel_tiled_over_something_else_is_refused(x, saved):
    import tensorflow.compat.v1 as tf

    kernel = tf.tile(_weights([3, 2, 1, 1]), [1, 1, 4, 2])
    net = tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME")
    with pytest.raises(UnsupportedOpError, match="DepthwiseConv2dNative"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_a_rearranged_kernel(x, prove):
    """Stored as [out, in, height, width], as other frameworks do."""
    import tensorflow.compat.v1 as tf

    kernel = tf.transpose(_weights([3, 4, 1, 2]), [2, 3, 1, 0])
    kinds, migration = prove(tf.nn.conv2d(x, kernel, 1, "SAME"))
    assert kinds == ["Conv2D"]
    assert migration.plan.layers[0].weights[0].permutation == (2, 3, 1, 0)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("arguments", [{"stride": 2}, {"dilations": 3}, {"stride": 3}])
def test_one_axis(graph, prove, padding, arguments):
    import tensorflow.compat.v1 as tf

    sequences = _images([None, 11, 4])
    net = tf.nn.conv1d(
        sequences, _weights([3, 4, 5]), padding=padding, **{"stride": 1, **arguments}
    )
    assert prove(tf.nn.bias_add(net, _weights([5], "biases")))[0] == ["Conv1D"]


def test_one_axis_padded_by_hand(graph, prove):
    import tensorflow.compat.v1 as tf

    images = tf.expand_dims(_images([None, 11, 4]), 1)
    padding = [[0, 0], [0, 0], [2, 1], [0, 0]]
    kernel = _weights([1, 3, 4, 5])
    net = tf.squeeze(tf.nn.conv2d(images, kernel, [1, 2], padding), [1])
    assert prove(net)[0] == ["ZeroPadding1D", "Conv1D"]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_three_axes(graph, prove, padding, stride):
    import tensorflow.compat.v1 as tf

    strides = [1, stride, 1, stride, 1]
    net = tf.nn.conv3d(_images([None, 5, 4, 6, 2]), _weights([3, 1, 2, 2, 3]), strides, padding)
    assert prove(net + _weights([3], "biases"))[0] == ["Conv3D"]


def test_regularizers_stay(x, prove):
    from slimfix import slim

    penalties = {
        "weights_regularizer": slim.l2_regularizer(0.25),
        "biases_regularizer": slim.l1_regularizer(0.5),
    }
    net = slim.conv2d(x, 3, 2, rate=2, activation_fn=None, scope="c", **penalties)
    layer = prove(net)[1].model.get_layer("c")
    assert float(layer.kernel_regularizer.l2) == 0.125
    assert float(layer.bias_regularizer.l1) == 0.5


def test_same_in_numbers():
    """By the definition: ceil(size / stride) windows, what they lack split, the odd one behind."""
    assert same_pads([7, 8], [3, 2], [2, 3], [1, 2]) == ((1, 1), (0, 1))
    assert same_pads([9, None], [3, 2], [1, 1], [1, 1]) is None


@pytest.mark.parametrize(
    "pads, expected",
    [
        (((0, 0), (0, 0)), "valid"),
        (((2, 2), (1, 2)), "same"),
        (((2, 2), (2, 1)), ((2, 2), (2, 1))),
    ],
)
def test_pads_that_amount_to_a_name(pads, expected):
    assert as_padding(pads, (3, 2), (2, 3)) == expected


def test_the_judge_sees_a_wrong_padding(x, prove, monkeypatch):
    """SAME with a stride pads less in front than SAME without: the proof must tell."""
    import tensorflow.compat.v1 as tf

    from slimfix.migration.converters import convolution

    monkeypatch.setattr(convolution, "same_pads", lambda *_: ((2, 0), (0, 1)))
    net = tf.nn.conv2d(x, _weights([3, 2, 4, 3]), [2, 1], "SAME", dilations=[2, 1])
    with pytest.raises(AssertionError):
        prove(net)
