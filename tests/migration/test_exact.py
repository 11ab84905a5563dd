"""exact_batch_norm=True: the migrated model trains as TensorFlow 1.15.5 recorded it."""

import pathlib

import keras
import numpy as np
import pytest

import slimfix
from slimfix.checkpoint import read_checkpoint
from slimfix.checkpoint.writer import write_checkpoint
from slimfix.errors import CheckpointMismatchError
from slimfix.migration import convert
from slimfix.network.sources import Source

ROUNDING = 8 * np.finfo(np.float32).eps
# Variants of tests/golden/micro whose batch norm becomes slimfix's.
EXACT = (
    "rank2_default",
    "rank2_epsilon_1e5",
    "rank2_no_center",
    "rank2_scale",
    "rank2_unfused",
    "rank2_updates_none",
    "rank2_zero_debias",
    "rank4_default",
    "rank4_epsilon_1e5",
    "rank4_no_center",
    "rank4_no_center_scale",
    "rank4_scale",
    "rank4_unfused",
    "rank4_unfused_scale",
    "rank4_updates_none",
    "rank4_updates_none_unfused",
    "rank4_zero_debias",
)
# And those that it does not know, with what the note says of them.
NOT_EXACT = {
    "rank4_const_inference": "migrate from the training graph's .meta",
    "rank4_batch_weights": "slim weighs the examples of its batches (batch_weights)",
    "rank2_renorm": "slim keeps moving_stddev, renorm_mean, renorm_stddev too",
    "rank4_renorm": "slim keeps moving_stddev, renorm_mean, renorm_stddev too",
}


def train(migration, golden_net):
    """Yields what the model stores in each recorded step, and what TensorFlow 1.15.5 stored."""
    weights = {w.variable: (r.name, w.name) for r in migration.plan.layers for w in r.weights}
    with np.load(golden_net.meta.replace("model.ckpt.meta", "training.npz")) as file:
        for step in (1, 2, 3):
            output = migration.model(file[f"step{step}/input"], training=True)
            yield "output", keras.ops.convert_to_numpy(output), file[f"step{step}/output"]
            start = f"step{step}/variable/"
            for key in [key for key in file.files if key.startswith(start)]:
                layer, weight = weights[key[len(start) :]]
                found = getattr(migration.model.get_layer(layer), weight)
                yield key, keras.ops.convert_to_numpy(found), file[key]


def error(found, wanted):
    """The largest error, relative to the largest value."""
    return float(np.max(np.abs(found - wanted)) / np.max(np.abs(wanted)))


@pytest.mark.parametrize("name", EXACT)
def test_it_trains_as_tensorflow_1_did(golden, name):
    net = golden(f"micro/{name}")
    migration = convert(net.checkpoint, exact_batch_norm=True)
    assert [r.target for r in migration.plan.layers][-1] == "slimfix.SlimBatchNormalization"
    for key, found, wanted in train(migration, net):
        assert error(found, wanted) < ROUNDING, key


@pytest.mark.parametrize("name", ["rank2_default", "rank4_default", "rank4_updates_none"])
def test_the_layer_of_keras_does_not(golden, name):
    net = golden(f"micro/{name}")
    errors = {key: error(*pair) for key, *pair in train(convert(net.checkpoint), net)}
    worst = max(errors, key=errors.get)
    assert worst.endswith("moving_variance") and errors[worst] > 1e-3


@pytest.mark.parametrize("name", sorted(NOT_EXACT))
def test_others_stay_keras_layers_with_a_note(golden, name):
    migration = convert(golden(f"micro/{name}").checkpoint, exact_batch_norm=True)
    assert [r.target for r in migration.plan.layers][-1] == "layers.BatchNormalization"
    assert any("not an exact batch norm" in n and NOT_EXACT[name] in n for n in migration.notes)
    assert not any("exact_batch_norm:" in note for note in migration.notes)


def test_every_variant_is_tried():
    variants = {path.name for path in pathlib.Path("tests/golden/micro").iterdir()}
    assert variants == {*EXACT, *NOT_EXACT}


def test_the_whole_way_to_a_proved_file(golden, tmp_path):
    net = golden("micro/rank4_zero_debias")
    result = slimfix.migrate(
        net.checkpoint, tmp_path / "out", recording=net.recording, exact_batch_norm=True
    )
    assert result.parity.passed
    assert all(fate.migrated for fate in result.variables)
    assert [note.partition(":")[2] for note in result.notes] == [
        " 1 layer of the model is slimfix.SlimBatchNormalization: import it before "
        "keras.models.load_model"
    ]
    path = str(tmp_path / "out" / "model.keras")
    assert result.files[path] == "Keras 3 model; loads with slimfix.SlimBatchNormalization imported"
    layer = keras.models.load_model(path).get_layer("net__conv__BatchNorm")
    assert isinstance(layer, slimfix.SlimBatchNormalization)
    assert layer.local_step.numpy() == read_checkpoint(net.checkpoint).read(
        "net/conv/BatchNorm/net/conv/BatchNorm/moving_mean/local_step"
    )


def test_a_checkpoint_without_the_extras_is_refused(golden, tmp_path):
    net = golden("micro/rank4_zero_debias")
    opened = read_checkpoint(net.checkpoint)
    kept = {n: opened.read(n) for n in opened.variables if "biased" not in n}
    write_checkpoint(str(tmp_path / "model.ckpt"), kept)
    with pytest.raises(CheckpointMismatchError) as raised:
        convert(Source(str(tmp_path / "model.ckpt"), net.meta), exact_batch_norm=True)
    assert str(raised.value).startswith("1 variable of zero_debias_moving_mean that an exact")
    assert "'net/conv/BatchNorm/net/conv/BatchNorm/moving_mean/biased'" in str(raised.value)
    assert "Fix: leave exact_batch_norm out" in str(raised.value)
