"""The whole way, on every network that real TensorFlow 1.15.5 trained or made for this."""

import json
import os
import pathlib
import re

import numpy as np
import pytest

from slimfix.errors import ParityError, UnsupportedEnvironmentError, UsageError
from slimfix.migrating import migrate

MICRO = sorted(os.listdir("tests/golden/micro"))
GOOD = "tests/golden/digits/good"
FILES = ["model.keras", "model.weights.h5", "model.py"]
FILES += ["migration.json", "parity.json", "parity.html"]


def test_there_is_a_micro_net_for_every_variant():
    wanted = {"default", "scale", "no_center", "unfused", "zero_debias", "renorm", "updates_none"}
    wanted |= {"epsilon_1e5"}
    assert {f"rank{rank}_{variant}" for rank in (2, 4) for variant in wanted} <= set(MICRO)


@pytest.mark.parametrize("variant", MICRO)
def test_micro_net_migrates_with_parity(variant, tmp_path):
    """Every batch-norm variant against what TensorFlow 1.15.5 recorded."""
    import keras

    folder = f"tests/golden/micro/{variant}"
    output = str(tmp_path / "out")
    result = migrate(f"{folder}/model.ckpt", output, recording=f"{folder}/recording.npz")
    assert result.parity.passed
    assert max(row.function_error for row in result.parity.layers) < 1e-14
    model = keras.models.load_model(os.path.join(output, "model.keras"))
    with np.load(f"{folder}/recording.npz") as recorded:
        header = json.loads(str(recorded["recording"]))
        (expected,) = [recorded[f"tensor/{name}"] for name in header["outputs"]]
        actual = model.predict(recorded["input/x:0"], verbose=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_digits_net_answers_as_before(tmp_path):
    """All 360 test images: the logits that TensorFlow 1.15.5 recorded, and its accuracy."""
    import keras

    output = str(tmp_path / "out")
    result = migrate(f"{GOOD}/model.ckpt", output, recording=f"{GOOD}/recording.npz")
    assert sorted(os.listdir(output)) == sorted(FILES)
    assert list(result.files) == [f"{output}/{name}" for name in FILES]
    digits = np.load("tests/golden/digits/digits.npz")
    images = digits["test_images"].reshape(-1, 8, 8, 1).astype(np.float32) / 16
    logits = keras.models.load_model(f"{output}/model.keras").predict(images, verbose=0)
    with np.load(f"{GOOD}/recording.npz") as recorded:
        expected = recorded["test/logits"]
        accuracy = float(recorded["test/accuracy"])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    assert np.mean(logits.argmax(1) == digits["test_labels"]) == pytest.approx(accuracy)
    assert accuracy > 0.97


def test_the_model_file_needs_no_slimfix(tmp_path):
    """Loaded by a process in which slimfix cannot be imported, with Keras's safe mode on."""
    import subprocess
    import sys

    output = str(tmp_path / "out")
    migrate(f"{GOOD}/model.ckpt", output)
    program = (
        "import sys; sys.modules['slimfix'] = None\n"
        "import keras, numpy as np\n"
        f"model = keras.models.load_model({output + '/model.keras'!r}, safe_mode=True)\n"
        "print(model.predict(np.ones((3, 8, 8, 1), 'float32'), verbose=0).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "(3, 10)"


def test_it_runs_inside_a_tensorflow_1_graph(graph, tmp_path):
    result = migrate("tests/golden/micro/rank4_scale/model.ckpt", str(tmp_path / "out"))
    assert result.parity.passed


def test_paths_may_be_paths_and_one_name_a_string(tmp_path):
    folder = pathlib.Path("tests/golden/micro/rank4_scale")
    result = migrate(
        folder / "model.ckpt",
        tmp_path / "out",
        outputs="net/conv/Conv2D",
        recording=folder / "recording.npz",
    )
    assert result.outputs == ("net/conv/Conv2D:0",)


@pytest.mark.parametrize("version", ["2.3.1", "3.10.0"])
def test_with_an_older_keras_the_way_out_is_named(tmp_path, monkeypatch, version):
    monkeypatch.setattr("slimfix.environment.metadata.version", lambda package: version)
    wanted = f"Migration needs Keras 3.12 or later; installed: {version}"
    with pytest.raises(UnsupportedEnvironmentError, match=re.escape(wanted)):
        migrate(f"{GOOD}/model.ckpt", str(tmp_path / "out"))


def test_a_failed_proof_leaves_nothing_behind(tmp_path, monkeypatch):
    """Sabotage: a converter that forgets epsilon."""
    from slimfix.migration.converters import batch_norm

    right = batch_norm._layer

    def wrong(planner, end, source, gamma, beta, mean, variance, epsilon):
        return right(planner, end, source, gamma, beta, mean, variance, epsilon * 1.01)

    monkeypatch.setattr(batch_norm, "_layer", wrong)
    with pytest.raises(ParityError) as caught:
        migrate(f"{GOOD}/model.ckpt", str(tmp_path / "out"), recording=f"{GOOD}/recording.npz")
    assert os.listdir(tmp_path) == []
    text = str(caught.value)
    assert "no model was written" in text
    assert "layer that computes another function is 'digits__conv1__BatchNorm'" in text
    assert caught.value.result.parity.first_difference.layer == "digits__conv1__BatchNorm"
    assert "'digits__conv1__BatchNorm' (BatchNormalization), graph tensor" in text
    assert "'digits__conv1' (Conv2D)" not in text


def test_lost_weights_leave_nothing_behind(tmp_path, monkeypatch):
    """Sabotage: the weights never reach the model."""
    monkeypatch.setattr("slimfix.migration.conversion.load_weights", lambda *arguments: None)
    with pytest.raises(ParityError) as caught:
        migrate(f"{GOOD}/model.ckpt", str(tmp_path / "out"))
    assert os.listdir(tmp_path) == []
    assert "  'digits/conv1/weights' [3, 2, 1, 12] float32" in str(caught.value)
    assert "Likely cause: weights or settings were lost" in str(caught.value)


def test_an_existing_folder_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "slimfix.migrating.convert", lambda *arguments: pytest.fail("work was done")
    )
    with pytest.raises(UsageError, match="exists"):
        migrate(f"{GOOD}/model.ckpt", str(tmp_path))
