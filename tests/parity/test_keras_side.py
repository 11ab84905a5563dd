"""One operation at a time, a model gives what it gives as a whole; its twin does so in float64."""

import numpy as np
import pytest

from slimfix.errors import ParityError
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.keras_side import Inference, Playback


@pytest.fixture
def model():
    """Shared layers, several outputs of one operation, constants, casts, layers without weights."""
    import keras

    x = keras.Input([6, 4], name="x")
    y = keras.Input([4], name="y")
    shared = keras.layers.Dense(4, use_bias=True, bias_initializer="glorot_uniform", name="shared")
    first = shared(keras.layers.Dropout(0.5)(x))
    second = shared(keras.ops.cast(keras.ops.multiply(y, np.float32([0.1, 2, 3, 4])), "float32"))
    left, right = keras.ops.split(keras.layers.BatchNormalization()(first), 2, axis=1)
    joined = keras.layers.Add()([left, keras.ops.tanh(right)])
    made = keras.Model([x, y], [joined, second, first])
    generator = np.random.default_rng(3)
    for weight in made.weights:
        if weight.dtype == "float32":
            weight.assign(generator.uniform(0.25, 1.75, weight.shape))
    return made


@pytest.fixture
def inputs():
    generator = np.random.default_rng(4)
    return {
        "x": generator.normal(size=(3, 6, 4)).astype(np.float32),
        "y": generator.normal(size=(3, 4)).astype(np.float32),
    }


def test_in_float32_it_is_the_model_to_the_bit(model, inputs):
    flow = read_dataflow(model)
    wanted = [*flow.outputs, flow.outputs[0]]
    run = Playback(flow, inputs, wanted, perform=Inference(False))
    expected = model([inputs["x"], inputs["y"]], training=False)
    for tensor, value in zip(wanted, [*expected, expected[0]]):
        taken = run.take(tensor)
        assert taken.dtype == np.float32
        assert taken.tobytes() == value.numpy().tobytes()
    assert not run._values  # Nothing is kept that nobody will read.


def test_in_float64_it_is_the_closed_form(model, inputs):
    flow = read_dataflow(model)
    run = Playback(flow, inputs, flow.outputs, perform=Inference(True))
    joined, second, first = map(run.take, flow.outputs)
    kernel, bias = (w.numpy().astype(np.float64) for w in model.get_layer("shared").weights)
    wide = {name: value.astype(np.float64) for name, value in inputs.items()}
    np.testing.assert_allclose(first, wide["x"] @ kernel + bias, rtol=1e-14)
    scaled = wide["y"] * np.float32([0.1, 2, 3, 4]).astype(np.float64)
    np.testing.assert_allclose(second, scaled @ kernel + bias, rtol=1e-14)
    (norm,) = [layer for layer in model.layers if "normalization" in layer.name]
    gamma, beta, mean, variance = (w.numpy().astype(np.float64) for w in norm.weights)
    normal = (wide["x"] @ kernel + bias - mean) / np.sqrt(
        variance + np.float64(np.float32(1e-3))
    ) * gamma + beta
    expected = normal[:, :3] + np.tanh(normal[:, 3:])
    np.testing.assert_allclose(joined, expected, rtol=1e-13, atol=1e-13)


def test_the_model_is_left_as_it_was(model, inputs):
    before = [weight.numpy() for weight in model.weights]
    flow = read_dataflow(model)
    run = Playback(flow, inputs, flow.outputs, perform=Inference(True))
    run.take(flow.outputs[0])
    assert {weight.dtype for weight in model.get_layer("shared").weights} == {"float32"}
    for weight, value in zip(model.weights, before):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_inputs_of_another_kind_are_told():
    import keras

    x = keras.Input([4], name="x", dtype="string")
    values = {"x": np.ones([3, 4], np.float32)}
    with pytest.raises(ParityError, match="'x' is of string; the network's of float32"):
        flow = read_dataflow(keras.Model(x, keras.layers.Identity()(x)))
        Playback(flow, values, flow.inputs, Inference(False))
