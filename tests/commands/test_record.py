"""`slimfix record`: flags, exit codes, the summary. It runs on TensorFlow 1.15 too."""

import hashlib
import json
import os
import re

import numpy as np
import pytest

from slimfix.reference.recording import read_recording

DIGITS = "tests/golden/digits/good/model.ckpt"
MICRO = "tests/golden/micro/rank2_scale/model.ckpt"


@pytest.fixture
def slimfix(slimfix):
    """Runs `slimfix record`; gives its exit code, its output and its error output."""
    return lambda *arguments: slimfix("record", *arguments)


def test_it_records_and_says_what(slimfix, tmp_path):
    import tensorflow as tf

    path = str(tmp_path / "recording.npz")
    code, out, err = slimfix(
        f"--checkpoint={DIGITS}",
        f"--output={path}",
        "--levels=L1,L2,L3,L4",
        "--optimizer=adam",
        "--learning_rate=0.003",
        "--steps=3",
        "--batch_size=5",
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"Recorded with TensorFlow {tf.__version__} on Python 3.")
    assert lines[1:5] == [
        "  inputs  images:0 [5, 8, 8, 1]",
        "  L1      20 tensors in inference",
        "  L2      20 tensors in training; 6 statistics after one step",
        "  L3      14 gradients",
    ]
    loss = r"\d+\.?\d*"
    steps = rf"  L4      3 steps of adam\(learning_rate=0\.003\); loss {loss} to {loss}"
    assert re.fullmatch(steps, lines[5])
    with open(path, "rb") as file:
        content = file.read()
    assert lines[6:] == [
        f"{path}: {len(content):,} bytes",
        f"sha256 {hashlib.sha256(content).hexdigest()}",
    ]
    assert len(read_recording(path).trajectory.losses) == 3


def test_levels_are_those_that_the_network_has(slimfix, tmp_path):
    path = str(tmp_path / "r.npz")
    assert " L3 " in slimfix(f"--checkpoint={MICRO}", f"--output={path}")[1]
    frozen = "--frozen_graph=tests/golden/forms/frozen/frozen.pb"
    code, out, _ = slimfix(frozen, f"--output={path}", "--overwrite")
    assert code == 0
    assert " L1 " in out
    assert " L2 " not in out


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_data_of_ones_own(slimfix, tmp_path, kind):
    images = np.random.default_rng(1).uniform(size=(3, 8, 8, 1))
    if kind == "npz":
        np.savez(str(tmp_path / "data.npz"), images=images, labels=np.arange(3))
    else:
        np.save(str(tmp_path / "data.npy"), images)
    path = str(tmp_path / "r.npz")
    code, _, err = slimfix(
        f"--checkpoint={DIGITS}",
        f"--meta={DIGITS}.meta",
        f"--data={tmp_path}/data.{kind}",
        f"--output={path}",
        "--levels=L1",
        "--inputs=images:0",
        "--outputs=digits/logits,digits/fc4",
    )
    assert (code, err) == (0, "")
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.inputs["images:0"], images.astype(np.float32))
    assert "digits/fc4/Relu:0" in recording.tensors


def test_a_network_function(slimfix, tmp_path, monkeypatch):
    (tmp_path / "small_net_to_record.py").write_text(
        "from slimfix import slim\n"
        "def build(x, width, is_training):\n"
        "    with slim.arg_scope([slim.batch_norm], is_training=is_training):\n"
        "        return slim.fully_connected(\n"
        "            x, width, normalizer_fn=slim.batch_norm, scope='net/fc', activation_fn=None,\n"
        "            normalizer_params={'scale': True})\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    path = str(tmp_path / "r.npz")
    arguments = {"width": 4, "is_training": True}
    code, out, err = slimfix(
        f"--checkpoint={MICRO}",
        "--network=small_net_to_record:build",
        f"--network_kwargs={json.dumps(arguments)}",
        "--input_shape=6",
        "--batch_norm=moving",
        f"--output={path}",
    )
    assert (code, err) == (0, "")
    assert "inputs:0 [8, 6]" in out
    assert len(read_recording(path).statistics) == 2


def test_help_names_every_flag(slimfix):
    code, out, err = slimfix("--help")
    assert (code, err) == (0, "")
    assert out.startswith("Write down what a TensorFlow 1 network computes")
    assert re.findall(r"^  --(\w+)$", out, re.MULTILINE) == [
        "allow_ops", "batch_norm", "batch_size", "checkpoint", "data", "frozen_graph", "help",
        "input_shape", "inputs", "learning_rate", "levels", "meta", "network", "network_kwargs",
        "optimizer", "output", "outputs", "overwrite", "saved_model", "steps", "values",
    ]  # fmt: skip


BAD_INPUTS = {
    "no output": ([f"--checkpoint={DIGITS}"], "--output missing\nUsage: slimfix record {--check"),
    "no network": (["--output=r.npz"], "Nothing given to read a network from"),
    "no checkpoint": (["--checkpoint=none/m", "--output=r.npz"], "No checkpoint at prefix"),
    "level": (
        [f"--checkpoint={DIGITS}", "--output=r.npz", "--levels=L5"],
        "levels has 'L5'; want some of L1, L2, L3, L4",
    ),
    "optimizer": (["--optimizer=lamb"], "sgd|momentum|adam|rmsprop"),
    "keywords": (["--output=r.npz", "--network_kwargs=3"], "--network_kwargs is no JSON object"),
    "size": (["--output=r.npz", "--input_shape=big"], "--input_shape has 'big'"),
    "no data": (
        [f"--checkpoint={DIGITS}", "--output=r.npz", "--data=none.npz"],
        "Cannot read arrays from 'none.npz':\n  FileNotFoundError: [Errno 2]",
    ),
    "evaluation": (
        [
            "--checkpoint=tests/golden/micro/rank4_const_inference/model.ckpt",
            "--output=r.npz",
            "--levels=L1,L2",
        ],
        "L2 cannot be recorded: this network does not train:",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_ends_in_one_message(slimfix, case):
    arguments, text = BAD_INPUTS[case]
    code, out, err = slimfix(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("slimfix record: ")
    assert text in err
    assert "Traceback" not in err
    assert not os.path.exists("r.npz")


def test_data_that_are_no_arrays(slimfix, tmp_path):
    path = tmp_path / "data.npz"
    path.write_bytes(b"no zip")
    code, _, err = slimfix(f"--checkpoint={DIGITS}", "--output=r.npz", f"--data={path}")
    assert code == 2
    assert err.startswith(f"slimfix record: Cannot read arrays from '{path}':\n")


def test_the_logging_of_tensorflow_is_as_before(slimfix, tmp_path):
    import tensorflow.compat.v1 as tf

    before = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.INFO)
    try:
        slimfix(f"--checkpoint={MICRO}", f"--output={tmp_path / 'r.npz'}")
        assert tf.logging.get_verbosity() == tf.logging.INFO
    finally:
        tf.logging.set_verbosity(before)
