"""Layers that are missing or one too many, what layers read, and what fits nothing."""

import numpy as np
import pytest

from slimfix.migration.eager import run_eagerly


def source_of(tensor):
    """What the layer that makes a tensor reads."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index].input_tensors[0]


def test_a_layer_missing(digits, remade, fitting):
    """Without its batch norm the activation is the first that differs."""
    calls = {"digits__conv1__Relu": lambda layer, data: layer(source_of(data))}
    model = remade(digits.migration.model, calls=calls)
    assert fitting(digits, model) == [
        "layer 'digits__conv1__BatchNorm' (BatchNormalization) missing"
    ]


def test_a_layer_extra(digits, remade, fitting):
    import keras

    extra = keras.layers.Activation("tanh", name="extra")
    calls = {"digits__pool2": lambda layer, data: layer(extra(data))}
    model = remade(digits.migration.model, calls=calls)
    assert fitting(digits, model) == ["layer 'extra' (Activation) extra"]


def test_a_layer_behind_the_output(digits, remade, fitting):
    import keras

    softmax = keras.layers.Softmax(name="probabilities")
    calls = {"digits__logits": lambda layer, data: softmax(layer(data))}
    model = remade(digits.migration.model, calls=calls)
    assert fitting(digits, model) == ["layer 'probabilities' (Softmax) extra"]


def test_another_layer(digits, remade, fitting):
    import keras

    other = keras.layers.LayerNormalization(name="norm")
    calls = {"digits__conv1__Relu": lambda layer, data: layer(other(source_of(data)))}
    model = remade(digits.migration.model, calls=calls)
    assert fitting(digits, model) == [
        "'norm' (LayerNormalization) in place of 'digits__conv1__BatchNorm' (BatchNormalization)"
    ]


@pytest.fixture
def branches(graph, net):
    """Two convolutions of one input, joined."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 4], name="x")
    one = slim.conv2d(x, 4, 1, activation_fn=None, scope="one")
    two = slim.conv2d(one, 4, 1, activation_fn=None, scope="two")
    return net(tf.concat([one, two], 3, name="joined"))


def test_what_a_layer_reads(branches, remade, fitting):
    """The second convolution reads the input of the first."""
    calls = {"two": lambda layer, data: layer(source_of(data))}
    model = remade(branches.migration.model, calls=calls)
    assert fitting(branches, model) == ["'two' reads another tensor than planned"]


def test_the_order_of_what_is_joined(branches, remade, fitting):
    name = branches.migration.model.layers[-1].name
    calls = {name: lambda layer, tensors: layer(tensors[::-1])}
    model = remade(branches.migration.model, calls=calls)
    assert "inputs in another order than 2, 1" in fitting(branches, model)


def test_nothing_fits(digits, changed, diagnose):
    """Another activation and noise in the kernel at once: all is tried, and nothing fits."""
    model = changed(digits.migration.model, "digits__fc4", activation="tanh")
    layer = model.get_layer("digits__fc4")
    layer.kernel.assign(layer.kernel + np.random.default_rng(1).normal(size=layer.kernel.shape))
    diagnosis = diagnose(digits, model)
    assert diagnosis.fitting == ()
    assert all(trial.error > 1e-3 for trial in diagnosis.trials)
    tried = " ".join(trial.hypothesis for trial in diagnosis.trials)
    assert "activation tanh in place of none" in tried
    assert "kernel rows in the order of channels first" in tried
    assert "kernel differs in" in tried
    assert "output channels in the order" in tried


def test_a_factor_that_no_guess_explains(graph, net, fitting):
    """The original's tensor is twice what the model, of one layer, makes of it."""
    import keras
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    case = net(tf.multiply(x, 2.0, name="twice"))
    name = case.migration.probes[-1].operation

    def build():
        source = keras.Input((5,), name="x")
        return keras.Model(source, keras.layers.Rescaling(6.0, name=name)(source))

    assert fitting(case, run_eagerly(build)) == ["all values 3 times those of the original"]


def test_noise_in_one_kernel_is_told_by_its_values(digits, held, refilled, fitting):
    kernel = held(digits.migration.model, "digits__fc4")["kernel"].copy()
    kernel[:, 4] += 0.25
    (found,) = fitting(digits, refilled(digits.migration.model, "digits__fc4", kernel=kernel))
    assert found == f"kernel differs in {len(kernel)} of {kernel.size} values, by up to 0.25"
