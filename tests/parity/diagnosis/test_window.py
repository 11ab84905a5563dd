"""Padding, phase, stride and dilation of convolutions and pooling."""

import pytest

from slimfix.parity.diagnosis.window import Window


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 8, 6, 3], name="x")


def test_dilation(digits, changed, fitting):
    model = changed(digits.migration.model, "digits__conv1", dilation_rate=(2, 1))
    assert fitting(digits, model) == ["dilations 2, 1 in place of 1, 1"]


def test_stride(x, net, changed, remade, fitting):
    """The sizes of the results differ, so that whatever followed would not take them."""
    from slimfix import slim

    case = net(slim.conv2d(x, 5, [3, 2], stride=2, activation_fn=None, scope="conv"))
    model = changed(case.migration.model, "conv", strides=(1, 1))
    assert fitting(case, model) == ["strides 1, 1 in place of 2, 2"]


def test_padding_by_its_name(x, net, changed, fitting):
    from slimfix import slim

    convolved = slim.conv2d(x, 5, [3, 2], padding="VALID", activation_fn=None, scope="conv")
    case = net(convolved)
    model = changed(case.migration.model, "conv", padding="same")
    assert fitting(case, model) == ["padding same, here (1, 1), (0, 1), in place of valid"]


def test_the_phase_of_a_stride(x, net, changed, remade, fitting):
    """Padded as PyTorch does, one pixel all round, where TensorFlow pads behind only."""
    import keras

    from slimfix import slim

    case = net(slim.conv2d(x, 5, 3, stride=2, activation_fn=None, scope="conv"))
    valid = changed(case.migration.model, "conv", padding="valid")
    padding = keras.layers.ZeroPadding2D(1, name="padding")
    model = remade(valid, calls={"conv": lambda layer, data: layer(padding(data))})
    assert fitting(case, model) == [
        "'conv': stride phase off by 1: padding (1, 1), (1, 1) in place of same"
    ]


def test_the_phase_the_other_way_round(x, net, remade, fitting):
    """slim's conv2d_same pads one pixel all round; SAME pads behind only."""
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    convolved = slim.conv2d(
        padded, 5, 3, stride=2, padding="VALID", activation_fn=None, scope="conv"
    )
    case = net(convolved)

    def unpadded(layer, data):
        source = data._keras_history.operation._inbound_nodes[0].input_tensors[0]
        config = {**layer.get_config(), "padding": "same"}
        return keras.layers.Conv2D.from_config(config)(source)

    model = remade(case.migration.model, calls={"conv": unpadded})
    found = fitting(case, model)
    assert (
        "stride phase off by 1: padding same, here (0, 1), (0, 1), in place of (1, 1), (1, 1)"
        in found
    )


def test_pooling_windows(digits, changed, fitting):
    model = changed(digits.migration.model, "digits__pool1", pool_size=(3, 1), padding="same")
    assert fitting(digits, model) == ["pool_size (3, 1) in place of (2, 1)"]


def test_maximum_in_place_of_average(digits, remade, fitting):
    import keras

    config = digits.migration.model.get_layer("digits__pool2").get_config()
    layers = {"digits__pool2": keras.layers.MaxPooling2D.from_config(config)}
    model = remade(digits.migration.model, layers)
    assert fitting(digits, model) == ["max in place of average"]


def test_padding_counted_in_an_average(x, net, changed, remade, fitting):
    """Zeros padded by a layer count; those of SAME do not."""
    import keras

    from slimfix import slim

    case = net(slim.avg_pool2d(x, 3, stride=1, padding="SAME", scope="pool"))
    valid = changed(case.migration.model, "pool", padding="valid")
    padding = keras.layers.ZeroPadding2D(1, name="padding")
    model = remade(valid, calls={"pool": lambda layer, data: layer(padding(data))})
    found = fitting(case, model)
    assert "'pool': average with its padding in place of without it" in found


def test_padding_not_counted_in_an_average(x, net, remade, fitting):
    import keras
    import tensorflow.compat.v1 as tf

    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    case = net(tf.nn.avg_pool2d(padded, 3, 1, "VALID", name="pool"))

    def unpadded(layer, data):
        source = data._keras_history.operation._inbound_nodes[0].input_tensors[0]
        config = {**layer.get_config(), "padding": "same"}
        return keras.layers.AveragePooling2D.from_config(config)(source)

    model = remade(case.migration.model, calls={"pool": unpadded})
    found = fitting(case, model)
    assert "average without its padding in place of with it" in found


def test_same_pads_as_tensorflow_does():
    """Against the sizes that TensorFlow's documentation of padding gives."""
    window = Window((3, 2), (2, 2), (1, 1), "same", before=(8, 7), after=(4, 4))
    assert window.same_pads() == ((0, 1), (0, 1))
    assert window.result(window.same_pads()) == (4, 4)
    wide = Window((6,), (5,), (1,), "same", before=(13,), after=(3,))
    assert wide.same_pads() == ((1, 2),)
