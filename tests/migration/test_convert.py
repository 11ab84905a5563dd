"""Networks of real TensorFlow 1.15.5 become Keras models: structure, weights, accounts."""

import numpy as np
import pytest

from slimfix.migration import convert


@pytest.fixture(scope="module")
def digits():
    return convert("tests/golden/digits/good/model.ckpt")


def config(migration, name):
    return migration.model.get_layer(name).get_config()


def test_layers_carry_the_slim_scopes(digits):
    found = [(layer.name, type(layer).__name__) for layer in digits.model.layers]
    assert found == [
        ("images", "InputLayer"),
        ("digits__conv1", "Conv2D"),
        ("digits__conv1__BatchNorm", "BatchNormalization"),
        ("digits__conv1__Relu", "ReLU"),
        ("digits__pool1", "MaxPooling2D"),
        ("digits__sepconv2", "SeparableConv2D"),
        ("digits__sepconv2__BatchNorm", "BatchNormalization"),
        ("digits__sepconv2__Relu6", "ReLU"),
        ("digits__pool2", "AveragePooling2D"),
        ("digits__conv3", "Conv2D"),
        ("digits__conv3__Relu", "ReLU"),
        ("digits__flatten", "Flatten"),
        ("digits__fc4", "Dense"),
        ("digits__fc4__BatchNorm", "BatchNormalization"),
        ("digits__fc4__Relu", "ReLU"),
        ("digits__dropout4", "Dropout"),
        ("digits__logits", "Dense"),
    ]


def test_batch_norm_trains_with_slims_decay_and_epsilon(digits):
    first = config(digits, "digits__conv1__BatchNorm")
    second = config(digits, "digits__sepconv2__BatchNorm")
    assert (first["momentum"], second["momentum"]) == (0.95, 0.95)
    assert (first["scale"], second["scale"]) == (False, True)
    # As stored in the graph, in float32: 1e-3, and 1e-5 raised by TensorFlow 1 to 1.001e-5.
    assert first["epsilon"] == float(np.float32(1e-3))
    assert second["epsilon"] == float(np.float32(1.001e-5))


def test_l2_factor_is_half_of_slims(digits):
    """slim.l2_regularizer(1e-4) adds 1e-4 * sum(w^2) / 2."""
    for name, key in (
        ("digits__conv1", "kernel_regularizer"),
        ("digits__sepconv2", "depthwise_regularizer"),
        ("digits__sepconv2", "pointwise_regularizer"),
        ("digits__logits", "kernel_regularizer"),
    ):
        assert config(digits, name)[key]["config"]["l2"] == pytest.approx(5e-5, rel=1e-6)
    assert config(digits, "digits__conv3")["bias_regularizer"] is None


def test_penalty_is_what_slim_adds_to_the_loss(digits):
    weights = [fate.variable for fate in digits.variables if fate.variable.endswith("weights")]
    expected = sum(
        1e-4 * np.sum(digits.checkpoint.read(name).astype(np.float64) ** 2) / 2 for name in weights
    )
    assert len(weights) == 6
    assert float(sum(digits.model.losses)) == pytest.approx(expected, rel=1e-5)


def test_dropout_rate_is_one_less_keep_prob(digits):
    assert config(digits, "digits__dropout4")["rate"] == pytest.approx(0.2)


def test_every_variable_is_accounted_for(digits):
    fates = {fate.variable: fate for fate in digits.variables}
    assert set(fates) == set(digits.checkpoint.variables)
    assert sum(fate.migrated for fate in digits.variables) == 19
    assert fates["digits/conv1/weights"].weights == ("digits__conv1/kernel",)
    assert fates["digits/sepconv2/pointwise_weights"].weights == (
        "digits__sepconv2/pointwise_kernel",
    )
    left = {fate.variable: fate.reason for fate in digits.variables if not fate.migrated}
    assert left["global_step"] == "training step counter"
    assert left["digits/conv1/weights/Momentum"].startswith("optimizer state")
    assert len(left) == 14
    held = [path for fate in digits.variables for path in fate.weights]
    seeds = [weight for weight in digits.model.weights if "seed" in weight.path]
    assert len(held) == len(set(held)) == len(digits.model.weights) - len(seeds)


def test_notes_tell_where_training_differs(digits):
    assert len(digits.notes) == 3
    assert all("variance * N/(N-1)" in note for note in digits.notes)


def test_chosen_outputs_prune_the_rest(golden):
    migration = convert(golden("digits/good").checkpoint, outputs=["digits/pool1/MaxPool"])
    assert [layer.name for layer in migration.model.layers][-1] == "digits__pool1"
    unread = [f for f in migration.variables if f.role == "weight" and not f.migrated]
    assert len(unread) == 11
    assert {f.reason for f in unread} == {"not read between the chosen inputs and outputs"}


def test_several_outputs_and_an_input_in_the_middle(golden):
    migration = convert(
        golden("digits/good").checkpoint,
        inputs=["digits/pool1/MaxPool:0"],
        outputs=["digits/logits/BiasAdd:0", "digits/conv3/Relu:0"],
    )
    assert [tuple(t.shape) for t in migration.model.inputs] == [(None, 4, 8, 12)]
    assert [tuple(t.shape) for t in migration.model.outputs] == [(None, 10), (None, 2, 3, 20)]


def test_training_only_statistics_are_left_out_by_name(golden):
    fates = {f.variable: f for f in convert(golden("micro/rank4_renorm").checkpoint).variables}
    for name in ("moving_stddev", "renorm_mean", "renorm_stddev"):
        assert fates[f"net/conv/BatchNorm/{name}"].reason == "read in training only"
    assert fates["net/conv/BatchNorm/moving_mean"].migrated
    notes = convert(golden("micro/rank4_zero_debias").checkpoint).notes
    assert any("slim also keeps biased, local_step in training" in note for note in notes)


def test_frozen_batch_norm_is_noted(golden):
    (note,) = convert(golden("micro/rank4_const_inference").checkpoint).notes
    assert "the graph never updates its statistics; set trainable=False" in note
