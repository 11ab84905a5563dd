"""`slimfix recalibrate`: flags, exit codes, the report. It runs on TensorFlow 1.15 too."""

import re

import numpy as np
import pytest

BROKEN = "tests/golden/digits/no_updates/model.ckpt"


@pytest.fixture
def slimfix(slimfix):
    """Runs `slimfix recalibrate`; gives its exit code, its output and its error output."""
    return lambda *arguments: slimfix("recalibrate", *arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Returns the paths of train.npz and test.npz."""
    folder = tmp_path_factory.mktemp("data")
    with np.load("tests/golden/digits/digits.npz") as file:
        train, test = (
            (file[f"{part}_images"].astype(np.float32) / 16)[..., np.newaxis]
            for part in ("train", "test")
        )
        np.savez(folder / "train.npz", images=train, labels=file["train_labels"])
        np.savez(folder / "test.npz", images=test, labels=file["test_labels"])
    return str(folder / "train.npz"), str(folder / "test.npz")


def test_it_reports_and_writes(slimfix, data, tmp_path):
    train, test = data
    output = str(tmp_path / "new.ckpt")
    code, out, err = slimfix(
        f"--checkpoint={BROKEN}",
        f"--data={train}",
        f"--output={output}",
        "--batch_size=100",
        f"--test_data={test}",
        "--outputs=digits/logits/BiasAdd",
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Recalibrated 3 batch norms, one_pass: 1 pass over 15 batches"
    assert [line.split()[-1] for line in lines[2:5]] == [
        "digits/fc4/BatchNorm", "digits/conv1/BatchNorm", "digits/sepconv2/BatchNorm"
    ]  # fmt: skip
    assert re.fullmatch(
        r"Accuracy on 360 test examples: 0\.4222 before, 0\.98\d\d after", lines[-1]
    )
    assert max(map(len, lines[:-2])) <= 100  # But for the path.
    assert len(list(tmp_path.iterdir())) == 3


def test_scopes_and_method(slimfix, data, tmp_path):
    code, out, _ = slimfix(
        f"--checkpoint={BROKEN}",
        f"--meta={BROKEN}.meta",
        f"--data={data[0]}",
        f"--output={tmp_path / 'new.ckpt'}",
        "--method=layer_by_layer",
        "--scopes=digits/conv1,digits/fc4",
    )
    assert code == 0
    assert out.startswith("Recalibrated 2 batch norms, layer_by_layer: 2 passes over 23 batches\n")


def test_help_names_every_flag(slimfix):
    code, out, err = slimfix("--help")
    assert (code, err) == (0, "")
    assert re.findall(r"^  --(\w+)$", out, re.MULTILINE) == [
        "allow_ops", "batch_size", "checkpoint", "data", "help", "meta", "method", "output",
        "outputs", "scopes", "test_data",
    ]  # fmt: skip


def test_flags_that_are_missing(slimfix):
    code, out, err = slimfix("--checkpoint=model.ckpt")
    assert (code, out) == (2, "")
    assert err.startswith("slimfix recalibrate: --data and --output missing\nUsage: slimfix rec")


def test_a_method_that_is_none(slimfix):
    code, _, err = slimfix("--method=ema")
    assert code == 2
    assert "one_pass|layer_by_layer" in err


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"no zip", "Cannot read arrays")]
)
def test_data_that_cannot_be_read(slimfix, tmp_path, content, reason):
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    code, _, err = slimfix(
        f"--checkpoint={BROKEN}", f"--data={path}", f"--output={tmp_path / 'new.ckpt'}"
    )
    assert code == 2
    assert err.startswith(f"slimfix recalibrate: Cannot read arrays from '{path}':\n")
    assert reason in err


def test_one_array_is_no_npz(slimfix, tmp_path):
    np.save(tmp_path / "data.npy", np.arange(3))
    path = tmp_path / "data.npy"
    code, _, err = slimfix(
        f"--checkpoint={BROKEN}", f"--data={path}", f"--output={tmp_path / 'new.ckpt'}"
    )
    assert code == 2
    assert "it holds one array without a name" in err


def test_a_failure_writes_nothing(slimfix, tmp_path):
    images = np.full([4, 8, 8, 1], np.nan, np.float32)
    np.savez(tmp_path / "data.npz", images=images)
    code, out, err = slimfix(
        f"--checkpoint={BROKEN}",
        f"--data={tmp_path / 'data.npz'}",
        f"--output={tmp_path / 'new.ckpt'}",
    )
    assert (code, out) == (1, "")
    assert err.startswith("slimfix recalibrate: Cannot use batch 1: ")
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]
