"""Values of another variable, raw values and averages, and how the original prepares its input."""

import numpy as np
import pytest

from slimfix.migration.eager import run_eagerly
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.diagnosis import diagnose_weights


@pytest.fixture
def averaged(graph, net):
    """A dense layer of which the checkpoint has raw values and averages."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    def migrate(values):
        x = tf.placeholder(tf.float32, [None, 5], name="x")
        dense = slim.fully_connected(x, 4, activation_fn=None, scope="fc")
        return net(dense, shadows=True, values=values)

    return migrate


@pytest.mark.parametrize(
    ("values", "clause"),
    [
        ("shadow", "holds the raw value in place of its moving average (EMA)"),
        (
            "raw",
            'holds the moving average (EMA) "fc/weights/ExponentialMovingAverage" in place of the '
            "raw value",
        ),
    ],
)
def test_raw_against_averages(averaged, refilled, fitting, values, clause):
    case = averaged(values)
    stored = case.migration.checkpoint
    other = {"raw": "fc/weights/ExponentialMovingAverage", "shadow": "fc/weights"}[values]
    model = refilled(case.migration.model, "fc", kernel=stored.read(other))
    assert run_eagerly(diagnose_weights, read_dataflow(model), case.migration) == {
        "fc/kernel": clause
    }
    assert fitting(case, model) == [f"kernel {clause}"]


def test_values_of_another_variable(graph, net, held, refilled, fitting):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    one = slim.fully_connected(x, 5, activation_fn=None, scope="one")
    case = net(slim.fully_connected(one, 5, activation_fn=None, scope="two"))
    kernel = held(case.migration.model, "one")["kernel"]
    model = refilled(case.migration.model, "two", kernel=kernel)
    assert fitting(case, model) == ['kernel holds the bits of "one/weights"']


@pytest.fixture
def colours(graph, net):
    """A convolution of an image in three colours, which the original prepares somehow."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    def migrate(prepare):
        x = tf.placeholder(tf.float32, [None, 6, 5, 3], name="x")
        return net(slim.conv2d(prepare(x), 4, 3, activation_fn=None, scope="conv"))

    return migrate


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ({"scale": 1 / 255}, "layer 'extra' (Rescaling) extra"),
        ({"scale": 1 / 127.5, "offset": -1.0}, "layer 'extra' (Rescaling) extra"),
    ],
)
def test_preprocessing_that_the_original_leaves_to_others(colours, remade, fitting, layer, text):
    import keras

    case = colours(lambda x: x)
    extra = keras.layers.Rescaling(**layer, name="extra")
    calls = {"conv": lambda conv, data: conv(extra(data))}
    assert text in fitting(case, remade(case.migration.model, calls=calls))


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda x: x * (1.0 / 255), "input as it is in place of input / 255"),
        (lambda x: x / 255.0, "input as it is in place of input / 255"),
        (lambda x: x * (2.0 / 255) - 1.0, "input as it is in place of input / 127.5 - 1"),
        (
            lambda x: x - np.array([123.68, 116.78, 103.94], np.float32),
            "input as it is in place of input - ImageNet means",
        ),
        (
            lambda x: x[..., ::-1],
            "input as it is in place of input with its channels in reverse order (RGB and BGR)",
        ),
    ],
)
def test_preprocessing_that_the_model_lacks(colours, remade, fitting, prepare, text):
    """The model reads its input with nothing in between."""
    case = colours(prepare)
    calls = {"conv": lambda conv, _: conv(images[0])}
    images = []

    def remember(layer, *inputs):
        images.extend(inputs[:1])
        return layer(*inputs)

    first = case.migration.model.operations[1].name
    copy = remade(case.migration.model, calls={first: remember, **calls})
    assert text in fitting(case, copy)
