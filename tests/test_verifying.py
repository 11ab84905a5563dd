"""`slimfix.verify_parity`: what it takes, what it refuses, and what it leaves behind."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

import slimfix
from slimfix.errors import CheckpointError, ParityError, UnsupportedEnvironmentError, UsageError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import Level, read_recording
from slimfix.reference.recording import write_recording
from slimfix.verifying import verify_parity

MICRO = "tests/golden/micro/rank4_scale"
CHECKPOINT = f"{MICRO}/model.ckpt"
GOOD = "tests/golden/digits/good"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A folder that slimfix.migrate wrote."""
    folder = tmp_path_factory.mktemp("migrated") / "out"
    slimfix.migrate(CHECKPOINT, folder)
    return str(folder)


@pytest.fixture(scope="module")
def keras_file(migrated):
    return os.path.join(migrated, "model.keras")


@pytest.fixture
def model(keras_file):
    """The right model, to be spoilt."""
    import keras

    return run_eagerly(keras.models.load_model, keras_file)


@pytest.fixture
def images():
    return np.random.default_rng(5).normal(size=(9, 5, 3, 2)).astype(np.float32)


def ran(result):
    return [level.level.value for level in result.parity.levels]


# What it takes.


def test_it_is_public():
    assert slimfix.verify_parity is verify_parity


def test_a_folder_says_itself_where_the_network_was(migrated, keras_file):
    before = sorted(os.listdir(migrated))
    result = verify_parity(migrated)
    assert result.parity.passed
    assert ran(result) == ["L0", "L1"]
    assert result.checkpoint.endswith(CHECKPOINT)
    assert result.inputs == {"x:0": "x"}
    assert result.outputs == ("net/conv/BatchNorm/cond/Merge:0",)
    assert (result.files, sorted(os.listdir(migrated))) == ({}, before)
    assert keras_file in result.checksums


def test_a_folder_keeps_the_ends_it_was_migrated_with(tmp_path):
    folder = tmp_path / "out"
    slimfix.migrate(CHECKPOINT, folder, outputs="net/conv/Conv2D:0")
    assert verify_parity(folder).outputs == ("net/conv/Conv2D:0",)


def test_a_folder_is_held_against_another_checkpoint(migrated):
    other = "tests/golden/micro/rank4_default/model.ckpt"
    with pytest.raises(ParityError):
        verify_parity(migrated, other)


def test_a_file_and_a_checkpoint(keras_file):
    result = verify_parity(keras_file, CHECKPOINT, levels="L2,L3")
    assert result.parity.passed
    assert ran(result) == ["L0", "L1", "L2", "L3"]
    assert next(iter(result.checksums)) == keras_file


def test_a_model_in_memory(model):
    before = [weight.numpy().tobytes() for weight in model.weights]
    result = verify_parity(model, CHECKPOINT, levels=["L4"], optimizer="adam", steps=3)
    assert result.parity.passed
    assert ran(result) == ["L0", "L1", "L4"]
    assert result.parity.trajectory.optimizer == "adam(learning_rate=0.01)"
    assert len(result.parity.trajectory.steps) == 3
    assert [weight.numpy().tobytes() for weight in model.weights] == before


def test_a_model_with_names_of_its_own(model):
    import keras

    x = keras.Input([5, 3, 2], name="pictures")
    layers = [
        keras.layers.Conv2D(4, [3, 2], use_bias=False, name="mine"),
        keras.layers.BatchNormalization(momentum=0.97, epsilon=1e-3, name="norm"),
    ]
    own = keras.Model(x, layers[1](layers[0](x)))
    own.set_weights(model.get_weights())
    result = verify_parity(own, CHECKPOINT, levels="L2,L3,L4", steps=3)
    assert result.parity.passed
    assert result.parity.weights.compared == 5
    assert result.parity.settings.different == ()
    layers[1].momentum = 0.9  # No output shows it.
    with pytest.raises(ParityError) as caught:
        verify_parity(own, CHECKPOINT, levels="L2")
    assert "momentum 0.9 in place of 0.97" in str(caught.value)


def test_an_exact_model(tmp_path):
    folder = tmp_path / "out"
    slimfix.migrate(CHECKPOINT, folder, exact_batch_norm=True)
    result = verify_parity(folder, levels="L2")
    assert result.parity.passed
    assert all("variance *" not in row.reason for row in result.parity.statistics)
    plain = verify_parity(run_eagerly(lambda: convert(CHECKPOINT).model), CHECKPOINT, levels="L2")
    assert any("variance * 24/23" in row.reason for row in plain.parity.statistics)


@pytest.mark.parametrize("form", ["array", "npz", "batches"])
def test_data_of_your_own(model, images, tmp_path, form):
    path = str(tmp_path / "images.npz")
    np.savez(path, **{"x:0": images})
    given = {"array": images, "npz": path, "batches": iter([images[:4], images[4:8]])}[form]
    result = verify_parity(model, CHECKPOINT, data=given, levels="L2")
    assert result.parity.passed
    assert result.parity.samples == (8 if form == "batches" else 9)
    assert result.parity.reference.description.endswith(" on given inputs")


# Levels.


def test_levels_are_those_of_the_recording(tmp_path):
    folder = tmp_path / "out"
    slimfix.migrate(f"{GOOD}/model.ckpt", folder)
    recording = str(tmp_path / "recording.npz")
    whole = read_recording(f"{GOOD}/training_recording.npz")
    short = dataclasses.replace(whole.trajectory, losses=whole.trajectory.losses[:3], weights={})
    write_recording(dataclasses.replace(whole, path=recording, trajectory=short))
    result = verify_parity(folder, recording=recording, levels="L2")
    assert ran(result) == ["L0", "L1", "L2"]
    assert result.parity.reference.description == "recorded by TensorFlow 1.15.5"
    assert recording in result.checksums
    basic = verify_parity(folder, recording=f"{GOOD}/recording.npz")
    assert ran(basic) == ["L0", "L1"]
    everything = verify_parity(folder, recording=recording)
    assert ran(everything) == ["L0", "L1", "L2", "L3", "L4"]
    assert len(everything.parity.trajectory.steps) == 3


@pytest.mark.parametrize("levels", ["L0", "L1", ["L0", "L1"], "L0,L1"])
def test_l0_and_l1_may_be_named(model, levels):
    assert ran(verify_parity(model, CHECKPOINT, levels=levels)) == ["L0", "L1"]


# Reports.


def test_reports_are_written_where_asked(model, tmp_path):
    result = verify_parity(model, CHECKPOINT, levels="L2", output_dir=tmp_path / "proof")
    assert sorted(os.listdir(tmp_path / "proof")) == ["parity.html", "parity.json"]
    assert result.files == {
        str(tmp_path / "proof" / "parity.json"): "parity report for programs",
        str(tmp_path / "proof" / "parity.html"): "parity report for people",
    }
    written = json.loads((tmp_path / "proof" / "parity.json").read_text())
    assert "L2" in json.dumps(written)


@pytest.mark.parametrize(
    ("spoil", "text", "first"),
    [
        (
            lambda model: model.layers[1].kernel.assign(model.layers[1].kernel * 1.001),
            "'net/conv/weights' [3, 2, 2, 4] float32; Keras 'net__conv/kernel'",
            Level.WEIGHTS,
        ),
        (
            lambda model: setattr(model.layers[2], "epsilon", 0.002),
            "'net__conv__BatchNorm' epsilon: planned 0.001",
            Level.WEIGHTS,
        ),
        (
            lambda model: setattr(model.layers[2], "momentum", 0.5),
            "variable 'net/conv/BatchNorm/moving_mean': float64 error ",
            Level.TRAINING,
        ),
    ],
)
def test_a_wrong_model_raises_with_its_result_and_leaves_the_report(
    model, tmp_path, spoil, text, first
):
    run_eagerly(spoil, model)
    with pytest.raises(ParityError) as caught:
        verify_parity(model, CHECKPOINT, levels="L2", output_dir=tmp_path / "proof")
    assert str(caught.value).startswith("The model is not the original network. ")
    assert text in str(caught.value)
    result = caught.value.result
    assert not result.parity.passed
    failed = [level.level for level in result.parity.levels if not level.passed]
    assert first in failed
    assert sorted(os.listdir(tmp_path / "proof")) == ["parity.html", "parity.json"]
    written = (tmp_path / "proof" / "parity.json").read_text()
    assert '"passed": false' in written
    assert (tmp_path / "proof" / "parity.html").stat().st_size > 1000


def test_the_cause_of_a_wrong_momentum_is_named(model):
    model.layers[2].momentum = 0.5
    with pytest.raises(ParityError) as caught:
        verify_parity(model, CHECKPOINT, levels="L2")
    wanted = "Likely cause: at 'net__conv__BatchNorm': momentum 0.5 in place of 0.97"
    assert wanted in str(caught.value)
    assert caught.value.result.parity.diagnosis.level is Level.TRAINING


# What it refuses.


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"levels": "L2,L5"}, "levels has 'L5'; want some of L0, L1, L2, L3, L4"),
        ({"levels": ["l2"]}, "levels has 'l2'; want some of"),
        ({"steps": 0}, "steps is 0; want a whole number, at least 1"),
        ({"optimizer": "adagrad"}, "optimizer is 'adagrad'; want one of sgd, momentum, adam,"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0; want a positive number"),
        ({"recording": "nowhere.npz"}, "No recording at 'nowhere.npz'"),
        ({"data": "nowhere.npz"}, "Cannot read arrays from 'nowhere.npz'"),
        ({"data": [1.0], "recording": f"{MICRO}/recording.npz"}, "are two sets of inputs; give"),
        ({"outputs": "net/nowhere"}, "net/nowhere"),
    ],
)
def test_bad_arguments_are_refused(keras_file, arguments, text):
    with pytest.raises(UsageError) as caught:
        verify_parity(keras_file, CHECKPOINT, **arguments)
    assert text in str(caught.value)


def test_an_output_folder_that_exists_is_refused_and_kept(keras_file, tmp_path):
    (tmp_path / "kept").write_text("of mine")
    with pytest.raises(UsageError, match="exists"):
        verify_parity(keras_file, CHECKPOINT, output_dir=tmp_path)
    assert os.listdir(tmp_path) == ["kept"]


def test_a_refused_proof_leaves_no_folder(keras_file, tmp_path):
    with pytest.raises(UsageError):
        verify_parity(keras_file, CHECKPOINT, data=np.ones([2]), output_dir=tmp_path / "proof")
    assert os.listdir(tmp_path) == []


def test_a_folder_of_other_hands_is_refused(keras_file, tmp_path):
    shutil.copy(keras_file, tmp_path / "model.keras")
    with pytest.raises(UsageError) as caught:
        verify_parity(tmp_path, CHECKPOINT)
    assert str(caught.value) == (
        f"'{tmp_path}' holds no migration.json\n"
        "Likely cause: slimfix.migrate did not write this folder.\n"
        "Fix: name the .keras file in it, and the checkpoint."
    )


def test_what_a_folder_names_wrongly_is_told_with_who_named_it(keras_file, tmp_path):
    shutil.copy(keras_file, tmp_path / "model.keras")
    account = {"source": {"checkpoint": CHECKPOINT, "meta": "gone.meta"}}
    account.update(inputs=[{"tensor": "images:0"}], outputs=["logits:0"])
    (tmp_path / "migration.json").write_text(json.dumps(account))
    with pytest.raises(CheckpointError) as caught:
        verify_parity(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "No graph file at 'gone.meta'"
    assert lines[-1] == f"Told by: '{tmp_path}/migration.json'"


def test_what_is_no_keras_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"No Keras model at '.*missing\.keras'"):
        verify_parity(tmp_path / "missing.keras", CHECKPOINT)
    for name in ("model.keras", "model.txt"):
        (tmp_path / name).write_text("no zip file")
        with pytest.raises(UsageError) as caught:
            verify_parity(tmp_path / name, CHECKPOINT)
        assert str(caught.value).startswith(f"Keras cannot load '{tmp_path / name}':\n")
        assert "Likely cause: it is no .keras file, or holds layers of your own, or was" in str(
            caught.value
        )


def test_a_file_without_a_network_is_refused(keras_file):
    with pytest.raises(UsageError):
        verify_parity(keras_file)


def test_an_older_keras_is_refused(monkeypatch, keras_file):
    monkeypatch.setattr("slimfix.environment.metadata.version", lambda package: "3.10.0")
    with pytest.raises(UnsupportedEnvironmentError, match=r"or later; installed: 3\.10"):
        verify_parity(keras_file, CHECKPOINT)


def test_a_softmax_that_overflows_in_float32_is_different(graph, saved):
    """In float64 it is the same function."""
    import keras
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    kernel = np.eye(3, dtype=np.float32)
    output = tf.nn.softmax(x @ tf.get_variable("kernel", initializer=kernel))
    prefix = saved()

    def naive():
        given = keras.Input([3], name="mine")
        dense = keras.layers.Dense(3, use_bias=False, name="my_dense")
        powers = keras.ops.exp(dense(given))
        made = keras.Model(given, powers / keras.ops.sum(powers, -1, keepdims=True))
        dense.set_weights([kernel])
        return made

    model = run_eagerly(naive)
    data = np.array([[0, 50, 100], [1, 2, 3]], np.float32)
    with pytest.raises(ParityError) as caught:
        verify_parity(model, prefix, inputs="x:0", outputs=output.name, data=data)
    text = str(caught.value)
    assert "NaN or infinite in float32, where the original is finite in float32" in text
    assert "1 of 1 layer differ in float32." in text


def test_an_operation_that_no_input_shows_is_told(model):
    def clipped():
        import keras

        return keras.Model(model.inputs, keras.ops.clip(model.outputs[0], -1e6, 1e6))

    with pytest.raises(ParityError) as caught:
        verify_parity(run_eagerly(clipped), CHECKPOINT)
    text = str(caught.value)
    assert "1 operation of the model or of the original is not on the other side." in text
    assert "(Clip): the original has no such operation there" in text
    assert "Likely cause: the model was written or changed by hand" in text
