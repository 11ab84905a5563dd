"""Recordings are written whole or not at all, and read with their checksum, or refused."""

import dataclasses
import os

import numpy as np
import pytest

from slimfix.errors import OutputError, UsageError
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.recording import (
    RecordedTrajectory,
    Recording,
    read_recording,
    write_recording,
)

GOOD = "tests/golden/micro/rank4_scale/recording.npz"


def test_reads_what_tensorflow_1_15_5_wrote():
    recording = read_recording(GOOD)
    assert recording.versions["tensorflow"] == "1.15.5"
    assert list(recording.inputs) == ["x:0"]
    assert recording.inputs["x:0"].shape == (4, 5, 3, 2)
    assert "net/conv/BatchNorm/cond/Merge:0" in recording.tensors


def test_a_changed_value_breaks_the_checksum(tmp_path):
    with np.load(GOOD) as file:
        arrays = {key: file[key] for key in file.files}
    arrays["input/x:0"] = arrays["input/x:0"].copy()
    arrays["input/x:0"][0, 0, 0, 0] += 1
    path = str(tmp_path / "changed.npz")
    np.savez(path, **arrays)
    with pytest.raises(UsageError, match="does not have the checksum"):
        read_recording(path)


@pytest.mark.parametrize("content", [b"", b"no zip file", None])
def test_what_is_no_recording_is_refused(tmp_path, content):
    path = tmp_path / "some.npz"
    if content is None:
        np.savez(str(path), other=np.ones(3))
    else:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="is not a recording"):
        read_recording(str(path))


@pytest.mark.parametrize("dtype", ["S4", "U3", "complex64", "datetime64[s]"])
@pytest.mark.parametrize("room", ["tensor", "training/statistic", "trajectory/weight"])
def test_what_was_computed_is_numbers(tmp_path, room, dtype):
    with np.load(GOOD) as file:
        arrays = {key: file[key] for key in file.files}
    arrays[f"{room}/y"] = np.zeros([3], dtype)
    np.savez(tmp_path / "r.npz", **arrays)
    with pytest.raises(UsageError, match=f"'{room}/y' is of .*; want real numbers"):
        read_recording(str(tmp_path / "r.npz"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="No recording at"):
        read_recording(str(tmp_path / "none.npz"))


def numbers(start, *shape):
    """Distinct float32 values."""
    return start + np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def full(path):
    """A recording with something in every map, of awkward names and dtypes."""
    return Recording(
        path=str(path),
        versions={"tensorflow": "1.15.5", "numpy": "1.18.5"},
        switches={"is_training:0": False, "frozen:0": True},
        inputs={"x:0": numbers(0, 2, 3), "ids:0": np.array([[3], [5]], np.int64)},
        tensors={"net/a/Relu:0": numbers(10, 2, 4), "file": numbers(20, 2)},
        training={"net/a/Relu:0": numbers(30, 2, 4)},
        statistics={"net/bn/net/bn/moving_mean/local_step": np.float32(7)},
        cotangents={"net/a/Relu:0": numbers(40, 2, 4)},
        gradients={"net/a/weights": numbers(50, 3, 4), "x:0": numbers(60, 2, 3)},
        trajectory=RecordedTrajectory(
            optimizer=Optimizer("adam", 0.003, beta1=0.8),
            inputs={"x:0": numbers(70, 4, 2, 3)},
            targets={"net/a/Relu:0": numbers(80, 4, 2, 4)},
            losses=numbers(90, 5),
            weights={"net/a/weights": numbers(95, 3, 4)},
        ),
    )


def same(one, other):
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert set(one) == set(other)
        for key, value in one.items():
            same(np.asarray(value), np.asarray(other[key]))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


def test_what_is_written_is_read(tmp_path):
    recording = full(tmp_path / "r.npz")
    write_recording(recording)
    same(read_recording(recording.path), recording)
    assert os.listdir(str(tmp_path)) == ["r.npz"]


def test_what_was_not_recorded_is_empty(tmp_path):
    path = str(tmp_path / "r.npz")
    write_recording(Recording(path, {"tensorflow": "1"}, {}, {"x:0": numbers(1, 2)}, {}))
    read = read_recording(path)
    assert read.trajectory is None
    assert not (read.training or read.statistics or read.gradients)


def test_others_may_read_it(tmp_path):
    """As any file that the user writes."""
    before = os.umask(0o022)
    try:
        write_recording(full(tmp_path / "r.npz"))
    finally:
        os.umask(before)
    assert os.stat(str(tmp_path / "r.npz")).st_mode & 0o777 == 0o644


def test_it_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "r.npz"
    write_recording(full(path))
    before = path.read_bytes()

    def full_disk(file, array, allow_pickle):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OutputError, match=r"r.npz':\n  No space left on device\nFix: make room"):
        write_recording(full(path), overwrite=True)
    assert os.listdir(str(tmp_path)) == ["r.npz"]
    assert path.read_bytes() == before


ROOMS = ["tensor/", "training/statistic/", "gradient/value/", "trajectory/weight/"]


@pytest.mark.parametrize("room", ROOMS)
def test_the_checksum_covers_every_level(tmp_path, room):
    recording = full(tmp_path / "r.npz")
    write_recording(recording)
    with np.load(recording.path) as file:
        arrays = {key: file[key] for key in file.files}
    (key, *_) = [key for key in sorted(arrays) if key.startswith(room)]
    arrays[key] = arrays[key] + np.float32(1)
    np.savez(recording.path, **arrays)
    with pytest.raises(UsageError, match="does not have the checksum"):
        read_recording(recording.path)


def test_the_order_in_the_file_is_that_of_the_data_flow(tmp_path):
    recording = full(tmp_path / "r.npz")
    write_recording(recording)
    assert list(read_recording(recording.path).tensors) == ["net/a/Relu:0", "file"]


@pytest.mark.parametrize(
    ("setting", "value"), [("momentum", 2**63), ("beta1", -0.5), ("learning_rate", 0), ("decay", 2)]
)
def test_an_optimizer_that_there_cannot_be(tmp_path, setting, value):
    recording = full(tmp_path / "r.npz")
    steps = recording.trajectory
    wrong = dataclasses.replace(steps.optimizer, **{setting: value})
    steps = dataclasses.replace(steps, optimizer=wrong)
    write_recording(dataclasses.replace(recording, trajectory=steps))
    with pytest.raises(UsageError, match=f"optimizer has {setting}={value}; want a number"):
        read_recording(recording.path)


@pytest.mark.parametrize("targets", [np.float32(3), numbers(80, 3, 2, 4)])
def test_steps_on_batches_that_are_not_there(tmp_path, targets):
    recording = full(tmp_path / "r.npz")
    steps = dataclasses.replace(recording.trajectory, targets={"net/a/Relu:0": targets})
    write_recording(dataclasses.replace(recording, trajectory=steps))
    with pytest.raises(UsageError, match="not as many batches in each: 'trajectory/"):
        read_recording(recording.path)
