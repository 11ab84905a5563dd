"""The proof of the golden network: level L0 sees what no number shows, and lets right models be."""

import pytest

from slimfix.migration.eager import run_eagerly
from slimfix.parity import Level, diff_parity


def rewired(model, change, name="rewired"):
    """The same layers, called anew; `change` gives what stands in the place of a call's result."""

    def work():
        import keras

        return keras.models.clone_model(
            model, clone_function=lambda layer: layer, call_function=_called_with(change)
        )

    return run_eagerly(work)


def _called_with(change):
    def call(layer, *args, **kwargs):
        return change(layer, args[0], layer(*args, **kwargs))

    return call


def assert_only_level_0_sees(good, model, *lines):
    result = diff_parity(model, good)
    assert result.structure.different == lines
    assert {each.level: each.passed for each in result.levels} == {
        Level.WEIGHTS: False,
        Level.INFERENCE: True,
    }


def test_the_migrated_model_has_the_operations_of_its_plan(good):
    result = diff_parity(good.model, good)
    assert result.structure.different == result.structure.by_numbers == ()
    assert result.structure.compared == 15


def test_a_clip_that_no_input_shows(good):
    import keras

    def change(layer, read, made):
        return keras.ops.clip(made, -1e6, 1e6) if layer.name == "digits__fc4" else made

    model = rewired(good.model, change)
    clip = next(each for each in model.operations if type(each).__name__ == "Clip").name
    assert_only_level_0_sees(
        good, model, f"'{clip}' (Clip): the original has no such operation there"
    )


def test_a_dropout_behind_the_logits(good):
    import keras

    late = keras.layers.Dropout(0.2, name="late")

    def change(layer, read, made):
        if layer.name == "digits__dropout4":
            return read
        return late(made) if layer.name == "digits__logits" else made

    assert_only_level_0_sees(
        good,
        rewired(good.model, change),
        "'digits__dropout4' (Dropout): planned; the model has no such operation there",
        "'late' (Dropout): the original has no such operation there",
    )


@pytest.mark.parametrize("depth", [1, 2])
def test_layers_in_a_model_in_the_model_pass_at_every_level(good, depth):
    def work():
        import keras

        inner = good.model
        for number in range(depth):
            x = keras.Input(inner.inputs[0].shape[1:], name="images")
            inner = keras.Model(x, inner(x), name=f"around_{number}")
        return inner

    result = diff_parity(run_eagerly(work), good, levels=list(Level), steps=2)
    assert result.passed
    assert result.structure.by_numbers == ()
