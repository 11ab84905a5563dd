"""Kernels turned round, and biases."""

import numpy as np
import pytest

from slimfix.migration.eager import run_eagerly


@pytest.fixture
def square(graph, net):
    """A convolution of 3 x 3 behind another layer, with as many inputs as outputs."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 4], name="x")
    before = slim.conv2d(x, 4, 1, scope="before")
    return net(slim.conv2d(before, 4, 3, activation_fn=None, scope="conv"))


@pytest.mark.parametrize(
    ("turn", "text"),
    [
        (lambda kernel: np.swapaxes(kernel, 0, 1), "kernel transposed in space"),
        (lambda kernel: kernel[::-1, ::-1], "kernel flipped in space"),
        (lambda kernel: kernel[:, ::-1], "kernel flipped along axis 1"),
        (
            lambda kernel: np.swapaxes(kernel, 2, 3),
            "kernel with input and output channels transposed",
        ),
        (lambda kernel: kernel[:, :, ::-1], "input channels in reverse order"),
    ],
)
def test_a_kernel_turned_round(square, held, refilled, fitting, turn, text):
    kernel = held(square.migration.model, "conv")["kernel"]
    model = refilled(square.migration.model, "conv", kernel=turn(kernel))
    assert fitting(square, model) == [text]


def test_a_bias_missing(digits, changed, fitting):
    model = changed(digits.migration.model, "digits__conv3", use_bias=False)
    assert fitting(digits, model) == ["bias missing"]


def test_a_bias_extra(digits, changed, fitting):
    model = changed(digits.migration.model, "digits__conv1", use_bias=True)
    run_eagerly(model.get_layer("digits__conv1").bias.assign, np.linspace(0.5, 1.5, 12))
    assert fitting(digits, model) == ["bias extra"]


def test_rows_of_a_dense_kernel_in_another_order(digits, held, refilled, fitting):
    """As a kernel is that was trained behind a flattening of channels, height, width."""
    shape = digits.migration.model.get_layer("digits__flatten").input.shape[1:]
    kernel = held(digits.migration.model, "digits__fc4")["kernel"]
    turned = np.moveaxis(kernel.reshape(*shape, -1), 2, 0).reshape(kernel.shape)
    model = refilled(digits.migration.model, "digits__fc4", kernel=turned)
    assert fitting(digits, model) == [
        "kernel rows in the order of channels first in place of channels last"
    ]


def test_a_flattening_in_another_order(graph, net, remade, fitting):
    """The original flattens channels first; the model was built without turning its axes."""
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 3, 5, 4], name="x")
    pooled = tf.nn.relu(tf.transpose(x, [0, 2, 3, 1]))
    flat = slim.flatten(tf.transpose(pooled, [0, 3, 1, 2]), scope="flat")
    case = net(slim.fully_connected(flat, 2, activation_fn=None, scope="fc"))
    (name,) = [each.name for each in case.migration.model.layers if "Flatten" in repr(type(each))]

    def unturned(layer, data):
        return layer(data._keras_history.operation._inbound_nodes[0].input_tensors[0])

    model = remade(case.migration.model, calls={name: unturned})
    assert keras.Model is not None
    found = fitting(case, model)
    assert "flattened as height, width, channels in place of channels, height, width" in found
