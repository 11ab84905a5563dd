"""Under JAX it is the same network: the model file, and the source with its weights."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from slimfix.migrating import migrate

NETS = {
    "digits": "tests/golden/digits/good/model.ckpt",
    "rank2_scale": "tests/golden/micro/rank2_scale/model.ckpt",
    "rank4_renorm": "tests/golden/micro/rank4_renorm/model.ckpt",
}
# Loads both with plain Keras, in a process without slimfix, and saves what they give.
PROGRAM = """
import sys
sys.modules["slimfix"] = None
import keras, numpy as np, runpy
for folder in sys.argv[1:]:
    x = np.load(f"{folder}/x.npy")
    loaded = keras.models.load_model(f"{folder}/model.keras", safe_mode=True)
    built = runpy.run_path(f"{folder}/model.py")["build_model"]()
    built.load_weights(f"{folder}/model.weights.h5")
    outputs = [keras.ops.convert_to_numpy(model(x, training=False)) for model in (loaded, built)]
    np.save(f"{folder}/jax.npy", np.stack(outputs))
print(keras.backend.backend())
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for name, prefix in NETS.items():
        folder = tmp_path_factory.mktemp("nets") / name
        migrate(prefix, folder)
        document = json.loads((folder / "migration.json").read_text())
        shape = document["inputs"][0]["shape"][1:]
        x = np.random.default_rng(5).normal(0.5, 1.5, (7, *shape)).astype(np.float32)
        np.save(folder / "x.npy", x)
        made[name] = folder
    return made


def run_in_jax(folders):
    """Writes jax.npy into each folder."""
    environment = dict(os.environ, KERAS_BACKEND="jax", TF_CPP_MIN_LOG_LEVEL="3")
    command = [sys.executable, "-c", PROGRAM, *map(str, folders)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "jax"


def test_jax_agrees_with_tensorflow(folders):
    """As far as float32 goes: within four times the error that the proof measured."""
    if importlib.util.find_spec("jax") is None:
        pytest.fail("this test needs JAX: pip install jax")
    import keras

    assert keras.backend.backend() == "tensorflow"
    run_in_jax(folders.values())
    for name, folder in folders.items():
        jax_loaded, jax_built = np.load(folder / "jax.npy")
        model = keras.models.load_model(folder / "model.keras")
        loaded = np.asarray(model(np.load(folder / "x.npy"), training=False))
        np.testing.assert_array_equal(jax_loaded, jax_built, err_msg=name)
        parity = json.loads((folder / "parity.json").read_text())
        (row,) = [row for row in parity["layers"] if row["output"]]
        error = max(row["original_error"], row["keras_error"], np.finfo(np.float32).eps)
        axes = tuple(range(loaded.ndim - 1))  # Errors are measured for each channel.
        allowed = 4 * error * np.abs(loaded).max(axes)
        assert np.all(np.abs(jax_loaded - loaded).max(axes) <= allowed), name
        assert np.abs(loaded).max() > 0.1


def test_names_are_legal_in_pytorch(folders):
    """PyTorch takes no '.' in a parameter's name."""
    for folder in folders.values():
        document = json.loads((folder / "migration.json").read_text())
        assert all("." not in weight["weight"] for weight in document["weights"])
