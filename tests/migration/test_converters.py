"""Each family of layers, as slim builds it, against the original graph in float64.

The judge is the parity proof, whose reference runs the TensorFlow graph itself; the structure is
asserted beside it, so that a family cannot pass by another converter's luck.
"""

import pytest

from slimfix.errors import MigrationError, UnsupportedOpError
from slimfix.migration import convert


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, (2, 1)])
def test_convolution(x, prove, variable_kind, padding, stride):
    from slimfix import slim

    if stride == (2, 1):  # Keras and TensorFlow know it; the kernels do not for every op.
        stride = [2, 1]
    net = slim.conv2d(x, 3, [3, 2], stride=stride, padding=padding, activation_fn=None, scope="c")
    kinds, migration = prove(net)
    assert kinds == ["Conv2D"]
    assert [w.path for w in migration.model.weights] == ["c/kernel", "c/bias"]


def test_convolution_without_bias_and_with_two_readers(x, prove):
    """A bias that is added to a tensor somebody else reads must not be swallowed."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    net = slim.conv2d(x, 3, [3, 2], biases_initializer=None, activation_fn=None, scope="c")
    kinds, _ = prove(tf.add(tf.nn.relu(net), tf.nn.elu(net)))
    assert sorted(kinds) == ["Add", "Conv2D", "ELU", "ReLU"]


def test_conv2d_same_pads_explicitly(x, prove):
    """slim.nets' resnets pad by hand and convolve VALID; SAME would shift by a pixel."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    padded = tf.pad(x, [[0, 0], [1, 1], [0, 2], [0, 0]])
    net = slim.conv2d(padded, 3, 3, stride=2, padding="VALID", activation_fn=None, scope="c")
    kinds, migration = prove(net)
    assert kinds == ["ZeroPadding2D", "Conv2D"]
    assert migration.model.get_layer("Pad").padding == ((1, 1), (0, 2))


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_separable_convolution(x, prove, multiplier, stride):
    from slimfix import slim

    net = slim.separable_conv2d(
        x, 6, [3, 2], multiplier, stride=stride, activation_fn=None, scope="s"
    )
    kinds, _ = prove(net)
    assert kinds == ["SeparableConv2D"]


def test_depthwise_convolution_alone(x, prove):
    from slimfix import slim

    net = slim.separable_conv2d(x, None, [3, 2], 2, activation_fn=None, scope="s")
    kinds, _ = prove(net)
    assert kinds == ["DepthwiseConv2D"]


def test_fully_connected_after_flatten(x, prove):
    from slimfix import slim

    net = slim.fully_connected(slim.flatten(x), 3, activation_fn=None, scope="fc")
    kinds, _ = prove(net)
    assert kinds == ["Flatten", "Dense"]


@pytest.mark.parametrize("window", [[2, 3], [3, 2]])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_pooling(x, prove, window, padding):
    from slimfix import slim

    largest = slim.max_pool2d(x, window, stride=2, padding=padding, scope="m")
    mean = slim.avg_pool2d(x, window, stride=[1, 2], padding=padding, scope="a")
    kinds, _ = prove(largest, mean)
    assert sorted(kinds) == ["AveragePooling2D", "MaxPooling2D"]


@pytest.mark.parametrize("keep_dims", [True, False])
def test_global_pooling(x, prove, keep_dims):
    import tensorflow.compat.v1 as tf

    mean = tf.reduce_mean(x, [1, 2], keepdims=keep_dims)
    largest = tf.reduce_max(x, [-2, 1], keepdims=keep_dims)
    channel = tf.reduce_mean(x, [3], keepdims=keep_dims)
    kinds, _ = prove(mean, largest, channel)
    assert sorted(kinds) == ["GlobalAveragePooling2D", "GlobalMaxPooling2D", "mean"]


@pytest.mark.parametrize(
    "name",
    ["relu", "relu6", "elu", "selu", "sigmoid", "tanh", "softplus", "softsign", "softmax"],
)
def test_activation(x, prove, name):
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(getattr(tf.nn, name)(x))
    assert len(kinds) == 1


def test_leaky_relu(x, prove):
    import tensorflow.compat.v1 as tf

    kinds, migration = prove(tf.nn.leaky_relu(x, 0.3))
    assert kinds == ["LeakyReLU"]
    assert migration.model.layers[-1].negative_slope == pytest.approx(0.3)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"scale": True},
        {"center": False},
        {"fused": False},
        {"fused": False, "scale": True},
        {"fused": False, "center": False},
    ],
)
@pytest.mark.parametrize("rank", [2, 4])
def test_batch_norm(x, prove, variable_kind, arguments, rank):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    source = x if rank == 4 else slim.fully_connected(slim.flatten(x), 6, scope="fc")
    net = slim.batch_norm(source, is_training=is_training, scope="bn", **arguments)
    kinds, _ = prove(net)
    assert kinds.count("BatchNormalization") == 1
    assert not set(kinds) & {"Reshape", "Multiply", "Add", "multiply", "add"}


def test_batch_norm_whose_output_is_activated(x, prove):
    from slimfix import slim

    net = slim.conv2d(
        x,
        3,
        [3, 2],
        scope="c",
        normalizer_fn=slim.batch_norm,
        normalizer_params={"is_training": False},
    )
    kinds, migration = prove(net)
    assert kinds == ["Conv2D", "BatchNormalization", "ReLU"]
    assert [layer.name for layer in migration.model.layers[1:]] == ["c", "c__BatchNorm", "c__Relu"]


def test_residual_branches_and_concatenation(x, prove):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    left = slim.conv2d(x, 4, [1, 3], scope="left")
    right = slim.conv2d(x, 4, [3, 1], scope="right")
    both = tf.concat([left + right, left - right, tf.maximum(left, x), left * right], axis=3)
    kinds, _ = prove(both)
    assert sorted(kinds) == sorted(
        [
            "Conv2D",
            "ReLU",
            "Conv2D",
            "ReLU",
            "Add",
            "Subtract",
            "Maximum",
            "Multiply",
            "Concatenate",
        ]
    )


def test_arithmetic_with_scalars(x, prove):
    kinds, _ = prove((1.5 - x) * 0.3 / 7.0 - 2.0)
    assert sorted(kinds) == ["divide", "multiply", "subtract", "subtract"]


@pytest.mark.parametrize(
    "build",
    [
        lambda x, c: x - c,
        lambda x, c: c - x,
        lambda x, c: x + c,
        lambda x, c: c * x,
    ],
)
def test_arithmetic_with_channels(x, prove, build):
    """Mean subtraction and the like, as in front of VGG and ResNet."""
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(build(x, tf.constant([123.68, 116.78, 103.94, 0.017])))
    assert kinds == ["Rescaling"]


def test_squeeze_and_excite(x, prove):
    import tensorflow.compat.v1 as tf

    squeezed = tf.reduce_mean(x, [1, 2], keepdims=True)
    kinds, _ = prove(x * tf.sigmoid(squeezed))
    assert sorted(kinds) == ["Activation", "GlobalAveragePooling2D", "Multiply"]


def test_swish(x, prove):
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(x * tf.sigmoid(x))
    assert sorted(kinds) == ["Activation", "Multiply"]


def test_the_global_image_format_of_keras_has_no_say(x, prove):
    import keras

    from slimfix import slim

    net = slim.avg_pool2d(slim.conv2d(x, 3, [3, 2], scope="c"), 2, scope="p")
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        prove(slim.flatten(net))
    finally:
        keras.config.set_image_data_format(before)


def test_reshape_squeeze_and_expand(x, prove):
    import tensorflow.compat.v1 as tf

    static = tf.reshape(x, [-1, 28, 5])
    dynamic = tf.reshape(static, tf.stack([tf.shape(x)[0], 5, -1]))
    net = tf.squeeze(tf.expand_dims(dynamic, 2), [2])
    kinds, _ = prove(net)
    assert kinds == ["Reshape", "Reshape", "expand_dims", "squeeze"]


def test_a_layer_used_twice_is_one_layer(x, prove):
    """Reuse must share weights, not copy them."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    def tower(net):
        with tf.variable_scope("tower", reuse=tf.AUTO_REUSE):
            net = slim.conv2d(net, 4, [3, 2], scope="conv", activation_fn=None)
            return slim.batch_norm(net, is_training=False, scope="bn")

    kinds, migration = prove(tower(x) + tower(tf.nn.relu(x)))
    assert kinds.count("Conv2D") == 2
    assert len([layer for layer in migration.model.layers if "conv" in layer.name]) == 1
    assert len(migration.model.weights) == 5


def test_every_unknown_op_is_listed_with_its_neighbours(x, saved):
    import tensorflow.compat.v1 as tf

    net = tf.cumsum(tf.nn.relu(x, name="before"), axis=1, name="sums")
    net = tf.roll(net, 1, axis=2, name="rolled")
    with pytest.raises(UnsupportedOpError) as caught:
        convert(saved(), inputs=["x:0"], outputs=[net.name])
    text = str(caught.value)
    assert text.startswith("No converter for 2 of 3 nodes between inputs and outputs:\n")
    assert "  Roll 'rolled': reads Cumsum 'sums:0' [?,7,5,4], constant" in text
    assert "  Cumsum 'sums': reads Relu 'before:0' [?,7,5,4], constant" in text
    assert "read by Roll 'rolled'\n" in text


@pytest.mark.parametrize("sizes", [[], [1], [5, 4], [1, 1, 1, 4]])
def test_moments_that_are_no_vector_of_channels_are_no_batch_norm_layer(x, saved, sizes):
    import tensorflow.compat.v1 as tf

    names = ("moving_mean", "moving_variance", "beta", "gamma")
    mean, variance, beta, gamma = (tf.get_variable(f"norm/{name}", sizes) for name in names)
    net = tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)
    with pytest.raises(UnsupportedOpError, match="reads variable 'norm/moving_variance'"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


@pytest.mark.parametrize("kind", ["Conv2D", "Dense"])
def test_an_unknown_number_of_channels_is_told(graph, saved, kind):
    import tensorflow.compat.v1 as tf

    if kind == "Dense":
        x = tf.placeholder(tf.float32, [None, None], name="x")
        net = tf.matmul(x, tf.get_variable("net/kernel", [4, 3]))
    else:
        x = tf.placeholder(tf.float32, [None, 7, 5, None], name="x")
        net = tf.nn.conv2d(x, tf.get_variable("net/kernel", [3, 3, 4, 3]), 1, "SAME")
    message = rf"cannot build 'net' \(layers.{kind}\) on \(None,.* None\)"
    with pytest.raises(MigrationError, match=message):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_a_layer_that_keras_cannot_share_is_told(x, saved):
    """Keras's batch norm is for tensors of one rank."""
    import tensorflow.compat.v1 as tf

    names = ("moving_mean", "moving_variance", "beta", "gamma")
    variables = [tf.get_variable(f"norm/{name}", [4]) for name in names]
    nets = [
        tf.nn.batch_normalization(source, *variables, 1e-3)
        for source in (x, tf.reduce_mean(x, [1, 2]))
    ]
    with pytest.raises(MigrationError, match="shared by tensors of such ranks"):
        convert(saved(), inputs=["x:0"], outputs=[net.name for net in nets])
