"""Recordings are read with their checksum, or refused."""

import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.reference.recording import read_recording

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
    with pytest.raises(UsageError, match="do not have the checksum"):
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


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="No recording at"):
        read_recording(str(tmp_path / "none.npz"))
