"""A layer of another dtype is called that, and nothing that it looks like."""

import pytest


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16"])
@pytest.mark.parametrize(
    "layer",
    [
        *("digits__conv1", "digits__conv1__BatchNorm", "digits__conv1__Relu"),
        *("digits__sepconv2", "digits__dropout4", "digits__fc4", "digits__logits"),
    ],
)
def test_a_narrow_layer(digits, changed, fitting, layer, dtype):
    has = dtype.replace("mixed_", "")
    model = changed(digits.migration.model, layer, dtype=dtype)
    assert fitting(digits, model) == [f"computes in {has} in place of float32"]


def test_nothing_else_is_tried_on_it(digits, changed, diagnose):
    model = changed(digits.migration.model, "digits__dropout4", dtype="float16")
    assert len(diagnose(digits, model).trials) == 1


def test_a_narrow_layer_that_is_wrong_too_is_not_explained(digits, changed, diagnose):
    model = changed(
        digits.migration.model, "digits__sepconv2__BatchNorm", dtype="float16", epsilon=1e-2
    )
    assert diagnose(digits, model).fitting == ()


def test_a_narrow_dropout_that_is_active(digits, remade, diagnose):
    import keras

    narrow = keras.layers.Dropout(0.5, name="digits__dropout4", dtype="float16")
    calls = {"digits__dropout4": lambda layer, data: layer(data, training=True)}
    model = remade(digits.migration.model, {"digits__dropout4": narrow}, calls)
    (trial,) = diagnose(digits, model).fitting
    assert trial.hypothesis == "dropout active in inference"


def test_a_model_of_its_own_names_in_bfloat16(digits):
    """Its outputs are numbers too."""
    import keras

    from slimfix.migration.eager import run_eagerly
    from slimfix.parity import diff_parity

    def work():
        def clone(layer):
            config = {**layer.get_config(), "name": f"my_{layer.name}"}
            return type(layer).from_config({**config, "dtype": "bfloat16"})

        made = keras.models.clone_model(digits.migration.model, clone_function=clone)
        made.set_weights(digits.migration.model.get_weights())
        return made

    result = diff_parity(run_eagerly(work), digits.migration)
    assert not result.passed
    (trial,) = result.diagnosis.fitting
    assert trial.hypothesis == "computes in bfloat16 in place of float32"
