"""The training graph in each form that people have it, written by TensorFlow 1.15.5, migrates.

tests/golden/make_forms.py made them. The expected values are TensorFlow 1.15.5's own: it ran the
same network, built for inference, at the checkpoint's values.
"""

import dataclasses
import pathlib

import numpy as np
import pytest

from slimfix.errors import CheckpointMismatchError, UsageError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.network.sources import Source
from slimfix.parity import diff_parity

FOLDER = pathlib.Path("tests/golden/forms")
FORMS = sorted(path.parent.name for path in FOLDER.glob("*/model.ckpt.meta"))
LAYERS = [
    "Conv2D",
    "BatchNormalization",
    "ReLU",
    "MaxPooling2D",
    "Flatten",
    "Dropout",
    "Dense",
    "ReLU",
    "BatchNormalization",
    "Dense",
]


def expected(name):
    with np.load(FOLDER / name / "expected.npz") as file:
        return dict(file)


def migrate(name, values=None):
    return convert(str(FOLDER / name / "model.ckpt"), values=values)


def check(migration, images, logits, tmp_path):
    """TensorFlow 1.15.5's own logits, and the proof against the training graph itself."""
    path = str(tmp_path / "model.keras")
    run_eagerly(migration.model.save, path)
    result = diff_parity(path, migration)
    assert result.passed, result.first_difference
    found = run_eagerly(migration.model, images)
    # Ten layers of float32: a few roundings of the largest logit.
    np.testing.assert_allclose(found, logits, rtol=0, atol=2e-6 * np.abs(logits).max())


@pytest.mark.parametrize("name", [name for name in FORMS if name != "moving_averages"])
def test_a_training_graph_migrates(name, tmp_path):
    migration = migrate(name)
    wanted = expected(name)
    check(migration, wanted["images"], wanted["logits"], tmp_path)
    kinds = [record.target.partition(".")[2] for record in migration.plan.layers]
    short = ["Conv2D", "ReLU", "Flatten", "Dropout", "Dense"]
    never_dropped = [kind for kind in LAYERS if kind != "Dropout"]
    partial = {"keep_prob_placeholder": short, "partitioned": never_dropped}
    assert kinds == partial.get(name, LAYERS)
    if name not in partial:
        assert migration.model.get_layer("drop").rate == pytest.approx(0.3)
        assert migration.model.get_layer("conv__BatchNorm").momentum == 0.9
        assert migration.model.get_layer("conv").kernel_regularizer.l2 == pytest.approx(2e-5)


@pytest.mark.parametrize("values, key", [("raw", "logits"), ("shadow", "shadow_logits")])
def test_raw_values_or_shadows_are_taken_as_asked(values, key, tmp_path):
    migration = migrate("moving_averages", values)
    wanted = expected("moving_averages")
    check(migration, wanted["images"], wanted[key], tmp_path)
    fates = {fate.variable: fate for fate in migration.variables}
    raw, shadow = fates["conv/weights"], fates["conv/weights/ExponentialMovingAverage"]
    assert (raw.migrated, shadow.migrated) == (values == "raw", values == "shadow")
    left = shadow if values == "raw" else raw
    other = {"raw": "moving-average shadow; the raw", "shadow": "raw value; its moving-average"}
    assert left.reason.startswith(other[values])
    assert fates["conv/BatchNorm/moving_mean"].migrated  # It has no shadow.


@pytest.mark.parametrize("values", ["raw", "shadow"])
def test_a_shadow_that_nobody_wants_is_not_said_to_be_migrated(values):
    prefix = str(FOLDER / "moving_averages" / "model.ckpt")
    fates = {
        fate.variable: fate for fate in convert(prefix, outputs="conv", values=values).variables
    }
    assert fates["conv/weights/ExponentialMovingAverage"].migrated == (values == "shadow")
    unread = fates["logits/weights/ExponentialMovingAverage"]
    assert unread.reason == "moving-average shadow of a variable that was not migrated either"


def test_a_choice_of_values_is_not_guessed():
    with pytest.raises(UsageError) as caught:
        migrate("moving_averages")
    text = str(caught.value)
    assert "holds two values of 8 variables that the network reads" in text
    assert "raw 'conv/weights'; shadow 'conv/weights/ExponentialMovingAverage'" in text
    assert "--values=shadow" in text and "--values=raw" in text


def test_values_that_are_not_there_are_refused():
    with pytest.raises(UsageError, match="holds no shadow of the 12 variables"):
        migrate("constant", "shadow")
    with pytest.raises(UsageError, match="values is 'ema'; want 'raw' or 'shadow'"):
        migrate("constant", "ema")


def test_inference_for_good_computes_with_the_epsilon_of_the_graph():
    """0.001 is none in float32; a deep net shows the difference in float64."""
    found = migrate("constant").model.get_layer("conv__BatchNorm").epsilon
    assert found == float(np.float32(0.001)) != 0.001


def test_what_was_taken_for_granted_is_noted():
    notes = migrate("constant").notes
    assert any(note.startswith("conv/BatchNorm: the graph normalises with batch") for note in notes)
    notes = migrate("keep_prob_placeholder").notes
    assert any("is fed the dropout rate by placeholder 'keep_prob'" in note for note in notes)


@pytest.mark.parametrize(
    "name, wanted", [("iterator", "IteratorGetNext:0"), ("queue", "shuffle_batch:0")]
)
def test_an_input_pipeline_is_cut_where_its_batches_enter(name, wanted):
    assert migrate(name).signature.inputs == (wanted,)


def test_a_partitioned_variable_is_one(tmp_path):
    migration = migrate("partitioned")
    fates = {fate.variable: fate for fate in migration.variables}
    assert fates["hidden/weights"].shape == (30, 3)
    assert fates["hidden/weights"].weights == ("hidden/kernel",)
    whole = migration.read("hidden/weights")
    parts = [migration.read(f"hidden/weights/part_{index}") for index in range(2)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


WHOLE = {"frozen": {"frozen_graph": "frozen.pb"}, "saved_model": {"saved_model": "served"}}


@pytest.mark.parametrize("name", WHOLE)
def test_a_network_with_its_values_migrates(name, tmp_path):
    paths = {key: str(FOLDER / name / path) for key, path in WHOLE[name].items()}
    migration = convert(Source(**paths))
    wanted = expected(name)
    check(migration, wanted["images"], wanted["logits"], tmp_path)
    assert len(migration.variables) == 12  # None for the gamma that the first layer lacks.
    assert all(fate.migrated for fate in migration.variables)


def test_a_training_checkpoint_migrates_by_a_network_function(tmp_path):
    """Built here with slim on TensorFlow 2, filled with what TensorFlow 1.15.5 saved."""

    def build(images, width, is_training):
        from slimfix import slim

        with slim.arg_scope([slim.batch_norm], is_training=is_training):
            net = slim.conv2d(images, width, [3, 2], normalizer_fn=slim.batch_norm, scope="conv")
            net = slim.flatten(slim.max_pool2d(net, [2, 2], scope="pool"))
            net = slim.fully_connected(net, 3, scope="hidden")
            net = slim.batch_norm(net, fused=False, scale=True, scope="norm")
            return slim.fully_connected(net, 4, activation_fn=None, scope="logits")

    checkpoint = str(FOLDER / "iterator" / "model.ckpt")
    kwargs = {"width": 5}
    source = Source(checkpoint, network=build, network_kwargs=kwargs, input_shape=(6, 5, 2))
    wanted = expected("iterator")
    check(convert(source), wanted["images"], wanted["logits"], tmp_path)
    with pytest.raises(CheckpointMismatchError, match="have another shape in checkpoint"):
        convert(dataclasses.replace(source, network_kwargs={"width": 6}))
