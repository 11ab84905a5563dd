"""A model is read call by call, whatever lies in what; what cannot be read so is told."""

import keras
import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.parity.dataflow import calls_behind, read_dataflow
from slimfix.parity.keras_side import Inference, Playback

X = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)


def names(flow):
    return [f"{call.name}#{call.turn}" for call in flow.calls]


def assert_same(model):
    """What the calls compute is what the model does, to the bit."""
    flow = read_dataflow(model)
    run = Playback(flow, {flow.inputs[0].name: X}, flow.outputs, Inference(False))
    made = model(X, training=False)
    for tensor, value in zip(flow.outputs, made if isinstance(made, list) else [made]):
        assert run.take(tensor).tobytes() == value.numpy().tobytes()
    return flow


def dense(name):
    import keras

    return keras.layers.Dense(4, name=name, bias_initializer="glorot_uniform")


def backbone(name, layer="fc"):
    import keras

    x = keras.Input([4])
    return keras.Model(x, keras.layers.ReLU(name=f"{name}_relu")(dense(layer)(x)), name=name)


def test_models_in_models_lie_open():
    import keras

    x = keras.Input([4], name="x")
    inner = backbone("inner")
    y = keras.Input([4])
    outer = keras.Model(y, dense("behind")(inner(y)), name="outer")
    flow = assert_same(keras.Model(x, dense("last")(outer(x))))
    assert names(flow) == ["fc#0", "inner_relu#0", "behind#0", "last#0"]
    assert {call.operation for call in calls_behind(flow.outputs)} == {
        call.operation for call in flow.calls
    }


def test_a_sequential_model_lies_open():
    import keras

    inner = keras.Sequential([keras.Input([4]), dense("one"), keras.layers.ReLU(name="relu")])
    assert names(assert_same(keras.Sequential([keras.Input([4]), inner, dense("two")]))) == [
        "one#0",
        "relu#0",
        "two#0",
    ]


def test_a_name_that_two_layers_have_gets_that_of_its_model():
    import keras

    x = keras.Input([4])
    flow = assert_same(keras.Model(x, dense("fc")(backbone("b")(backbone("a")(x)))))
    assert names(flow) == ["fc#0", "a_relu#0", "b/fc#0", "b_relu#0", "fc_#0"]
    assert len({id(layer) for layer in flow.layers.values()}) == 5


def test_a_model_that_is_called_twice_is_read_twice():
    import keras

    x = keras.Input([4])
    shared = backbone("shared")
    flow = assert_same(keras.Model(x, shared(shared(x))))
    assert names(flow) == ["fc#0", "shared_relu#0", "fc#1", "shared_relu#1"]


def test_turns_are_those_in_which_calls_were_made():
    """Keras runs what is deeper in the model first."""
    import keras

    x = keras.Input([4])
    fc = dense("fc")
    first = fc(x)
    second = keras.layers.ReLU()(fc(dense("deep")(x)))
    flow = assert_same(keras.Model(x, [first, second]))
    made = {call.outputs[0]: call.turn for call in flow.calls if call.name == "fc"}
    assert made[flow.outputs[0]] == 0
    assert sorted(made.values()) == [0, 1]


def test_training_of_a_model_in_it_reaches_the_layers():
    import keras

    inner = backbone("inner")
    y = keras.layers.Dropout(0.5, name="drop")(inner.output)
    inner = keras.Model(inner.input, y)
    x = keras.Input([4])
    flow = read_dataflow(keras.Model(x, inner(x, training=False)))
    training = {call.name: call.kwargs.get("training") for call in flow.calls}
    assert training["drop"] is False
    assert training["inner_relu"] is None  # It takes no such argument.


def test_a_model_whose_inputs_keras_would_turn_stays_whole():
    import keras

    inner = backbone("inner")
    x = keras.Input([4], dtype="float16")
    assert names(read_dataflow(keras.Model(x, inner(x)))) == ["inner#0"]


def test_a_call_method_of_its_own_is_no_dataflow():
    import keras

    class Own(keras.Model):
        def call(self, x, training=None, mask=None):
            return super().call(x) + 1

    inner = backbone("inner")
    own = Own(inner.inputs, inner.outputs, name="own")
    with pytest.raises(UsageError, match=r"The model is a Own; want a functional keras\.Model"):
        read_dataflow(own)
    x = keras.Input([4])
    assert names(read_dataflow(keras.Model(x, own(x)))) == ["own#0"]
    inner.call = own.call
    with pytest.raises(UsageError, match="want a functional"):
        read_dataflow(inner)


class Named(keras.Model):
    """Adds to Keras what Keras does not have."""

    def describe(self):
        return "mine"


class Doubled(keras.Model):
    def predict_step(self, data):
        return 2 * super().predict_step(data)


class Without(keras.Sequential):
    @property
    def losses(self):
        return []


def one_layer(kind):
    x = keras.Input((3,))
    return kind(x, keras.layers.Dense(2)(x))


def test_a_subclass_that_changes_nothing_is_read():
    assert len(read_dataflow(one_layer(Named)).calls) == 1
    compiled = one_layer(keras.Model)
    compiled.compile("sgd", loss=lambda wanted, given: given)
    assert len(read_dataflow(compiled).calls) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: one_layer(Doubled),
        lambda: Without([keras.Input((3,)), keras.layers.Dense(2)]),
        lambda: patched(one_layer(keras.Model)),
    ],
)
def test_a_model_with_methods_of_its_own_is_refused(make):
    with pytest.raises(UsageError, match="in place of a method of Keras's"):
        read_dataflow(make())


def patched(model):
    model.predict_step = lambda data: data
    return model
