"""`slimfix verify`: flags, exit codes, and where the report goes."""

import os
import re

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly

MICRO = "tests/golden/micro/rank4_scale"
CHECKPOINT = f"--checkpoint={MICRO}/model.ckpt"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of the right model."""
    path = str(tmp_path_factory.mktemp("model") / "model.keras")
    run_eagerly(convert(f"{MICRO}/model.ckpt").model.save, path)
    return path


@pytest.fixture
def wrong(model, tmp_path):
    """Path of a model with another momentum, which no output shows."""
    import keras

    def work():
        changed = keras.models.load_model(model)
        changed.layers[2].momentum = 0.5
        path = str(tmp_path / "wrong.keras")
        changed.save(path)
        return path

    return run_eagerly(work)


@pytest.fixture
def slimfix(slimfix):
    """Runs `slimfix verify`; gives its exit code, its output and its error output."""
    return lambda *arguments: slimfix("verify", *arguments)


def levels(out):
    """Which levels the report says were run."""
    lines = re.findall(r"^  (L\d)  (.*)$", out, re.MULTILINE)
    return {level: not line.endswith("not run") for level, line in lines}


def test_a_proof_that_passes(slimfix, model, tmp_path):
    output = tmp_path / "proof"
    code, out, err = slimfix(
        f"--model={model}", CHECKPOINT, "--levels=L2,L3,L4", "--steps=3", f"--output_dir={output}"
    )
    assert (code, err) == (0, "")
    assert "5 of 5 weights bit-equal" in out
    assert levels(out) == dict.fromkeys(["L0", "L1", "L2", "L3", "L4"], True)
    assert sorted(os.listdir(output)) == ["parity.html", "parity.json"]


def test_without_levels_the_first_two_are_proved(slimfix, model):
    code, out, _ = slimfix(f"--model={model}", CHECKPOINT)
    assert code == 0
    assert levels(out) == {"L0": True, "L1": True, "L2": False, "L3": False, "L4": False}


def test_a_proof_that_fails_still_prints_the_report(slimfix, wrong):
    code, out, err = slimfix(f"--model={wrong}", CHECKPOINT, "--levels=L2")
    assert code == 1
    assert "5 of 5 weights bit-equal" in out
    assert "DIFFERENT" in out
    assert err.startswith(f"slimfix verify: The model '{wrong}' is not the original network. ")
    assert "momentum 0.5 in place of 0.97" in err


def test_every_flag_reaches_the_proof(slimfix, model, monkeypatch):
    """What the flags say is what verify_parity is given."""
    taken = {}

    def verify_parity(model, **more):
        taken.update(more, model=model)
        raise SystemExit

    monkeypatch.setattr("slimfix.verify_parity", verify_parity, raising=False)
    with pytest.raises(SystemExit):
        slimfix(
            f"--model={model}",
            CHECKPOINT,
            "--meta=m.meta",
            "--inputs=x:0",
            "--outputs=a:0,b",
            "--recording=r.npz",
            "--data=d.npy",
            "--levels=L3,L4",
            "--optimizer=adam",
            "--learning_rate=0.25",
            "--steps=7",
            "--values=raw",
            "--op_converters=mine",
            "--output_dir=proof",
        )
    wanted = {
        "model": model,
        "checkpoint": f"{MICRO}/model.ckpt",
        "meta": "m.meta",
        "inputs": ["x:0"],
        "outputs": ["a:0", "b"],
        "recording": "r.npz",
        "data": "d.npy",
        "levels": ["L3", "L4"],
        "optimizer": "adam",
        "learning_rate": 0.25,
        "steps": 7,
        "values": "raw",
        "op_converters": "mine",
        "output_dir": "proof",
        "frozen_graph": None,
        "saved_model": None,
    }
    assert {name: taken[name] for name in wanted} == wanted


def test_data_of_your_own(slimfix, model, tmp_path):
    path = str(tmp_path / "images.npy")
    images = np.random.default_rng(5).normal(size=(9, 5, 3, 2)).astype(np.float32)
    np.save(path, images)
    code, out, _ = slimfix(f"--model={model}", CHECKPOINT, f"--data={path}")
    assert code == 0
    assert "given inputs" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--levels=L9"], "levels has 'L9'; want some of L0, L1, L2, L3, L4"),
        (["--steps=0"], "steps is 0; want a whole number, at least 1"),
        (["--steps=many"], "steps"),
        (["--optimizer=adagrad"], "optimizer is 'adagrad'"),
        (["--data=nowhere.npz"], "Cannot read arrays from 'nowhere.npz'"),
        (["--output_dir=tests"], "'tests' exists"),
        (["--no_such_flag=1"], "no_such_flag"),
        (["more"], "takes flags only; got 'more'"),
    ],
)
def test_usage_errors(slimfix, model, arguments, text):
    code, out, err = slimfix(f"--model={model}", CHECKPOINT, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("slimfix verify: ")
    assert text in err


def test_the_model_has_to_be_named(slimfix):
    code, _, err = slimfix(CHECKPOINT)
    assert code == 2
    assert "--model" in err


def test_a_checkpoint_that_is_missing(slimfix, model, tmp_path):
    code, _, err = slimfix(f"--model={model}", f"--checkpoint={tmp_path}/model.ckpt")
    assert code in (1, 2)
    assert err.startswith("slimfix verify: ")


def test_help_names_every_flag(slimfix):
    code, out, err = slimfix("--help")
    assert (code, err) == (0, "")
    flags = set(re.findall(r"^  --(\w+)$", out, re.MULTILINE))
    assert {"model", "levels", "data", "recording", "optimizer", "learning_rate", "steps"} < flags
    assert {"checkpoint", "frozen_graph", "saved_model", "network", "output_dir"} < flags
