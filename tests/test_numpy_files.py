"""Arrays are read as NumPy reads them; damage is told; no declared size is believed."""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.numpy_files import (
    UnreadableError,
    by_tensor_name,
    check_members,
    read_numpy_file,
)

ARRAYS = {
    "x:0": np.arange(1, 13, dtype=np.float32).reshape(3, 4),
    "in/fortran": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    "scalar": np.array(2.5),
    "text": np.array("recorded"),
    "none": np.zeros([0, 3], np.float16),
    "big endian": np.arange(3, dtype=">i4"),
}


def npy(header, data=b"", version=b"\x01\x00"):
    header = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data


def archive(tmp_path, members, compression=zipfile.ZIP_STORED):
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members:
            file.writestr(name, content, compression)
    return path


def content_of(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_it_reads_what_numpy_wrote(tmp_path, save):
    path = str(tmp_path / "data.npz")
    save(path, **ARRAYS)
    found = read_numpy_file(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.writeable


def test_an_npy_file_is_one_array(tmp_path):
    np.save(tmp_path / "data.npy", ARRAYS["x:0"])
    np.testing.assert_array_equal(read_numpy_file(str(tmp_path / "data.npy")), ARRAYS["x:0"])


def refusal(path):
    with pytest.raises(UnreadableError) as caught:
        read_numpy_file(str(path))
    return str(caught.value)


HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }"
OBJECTS = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
NEGATIVE = "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1), }"
RECORDS = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (npy(HUGE, b"1234"), "'x': [1099511627776] float32 declared, 4398046511104 bytes; 4 are"),
        (npy(OBJECTS, b"12345678"), "'x': its dtype is object; want numbers or texts"),
        (npy(NEGATIVE, b"1234"), "'x': [-1, -1] float32 declared, 4 bytes; 4 are there"),
        (npy(RECORDS, b"1234"), "'x': its dtype is [('a', '<f4')]; want numbers or texts"),
        (npy(HUGE, b"", b"\x03\x00"), "'x': written in format 3.0 of .npy; want 1.0 or 2.0"),
        (npy("{'descr': 7}"), "'x': ValueError: Header does not contain the correct keys"),
        (b"no array", "'x': ValueError: the magic string is not correct"),
        (content_of(ARRAYS["x:0"])[:-1], "'x': [3, 4] float32 declared, 48 bytes; 47 are there"),
        (content_of(ARRAYS["x:0"]) + b"1", "'x': [3, 4] float32 declared, 48 bytes; 49 are there"),
    ],
)
def test_a_member_that_is_no_array_is_told(tmp_path, content, text):
    assert refusal(archive(tmp_path, [("x.npy", content)])).startswith(text)


def test_a_wrong_checksum_is_told(tmp_path):
    path = archive(tmp_path, [("x.npy", content_of(ARRAYS["x:0"]))])
    content = bytearray(path.read_bytes())
    place = content.index(np.float32(7).tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert refusal(path).startswith("'x': BadZipFile: Bad CRC-32 for file 'x.npy'")


def test_what_is_there_twice_is_refused(tmp_path):
    one = content_of(ARRAYS["x:0"])
    with pytest.warns(UserWarning, match="Duplicate"):
        path = archive(tmp_path, [("x.npy", one), ("x.npy", one)])
    assert refusal(path) == "'x.npy': there 2 times"


def test_a_declared_size_that_cannot_be_is_refused(tmp_path):
    path = archive(tmp_path, [("x.npy", content_of(ARRAYS["x:0"]))])
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    assert "'x.npy': 4294967294 bytes declared of 176 stored, in a file of" in refusal(path)


def test_what_is_made_to_fill_a_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("slimfix.numpy_files._SMALL", 1000)
    path = archive(tmp_path, [("x.npy", content_of(np.zeros(10**6)))], zipfile.ZIP_DEFLATED)
    assert "bytes that are to become 8000128, as of a file made to fill a memory" in refusal(path)
    assert refusal(path).endswith("written without compression, as numpy.savez does, it is taken")
    np.savez(path, x=np.zeros(10**6))
    np.testing.assert_array_equal(read_numpy_file(str(path))["x"], np.zeros(10**6))


def test_a_mask_that_shrinks_a_lot_is_read(tmp_path):
    mask = np.zeros([3000, 1000], np.uint8)
    mask[1234, 567] = 7
    np.savez_compressed(tmp_path / "data.npz", mask=mask)
    assert (tmp_path / "data.npz").stat().st_size * 200 < mask.nbytes
    np.testing.assert_array_equal(read_numpy_file(str(tmp_path / "data.npz"))["mask"], mask)


@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_an_array_is_in_memory_once(tmp_path, ending):
    array = np.arange(5_000_001, dtype=np.float32)
    path = str(tmp_path / f"data.{ending}")
    (np.save if ending == "npy" else np.savez_compressed)(path, array)
    tracemalloc.start()
    found = read_numpy_file(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * array.nbytes
    found = found if ending == "npy" else found["arr_0"]
    np.testing.assert_array_equal(found, array)


def test_names_are_counted_once():
    """Of 12,000 members, each name was compared with each."""

    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Name.compared += 1
            return str.__eq__(self, other)

    members = [zipfile.ZipInfo(f"{number}.npy") for number in range(500)]
    for member in members:
        member.filename = Name(member.filename)
        member.file_size = member.compress_size = 0
    check_members(members, 1000)
    assert Name.compared < 5 * len(members)


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_BZIP2, "method 12"), (zipfile.ZIP_LZMA, "method 14")]
)
def test_other_compressions_are_refused(tmp_path, method, name):
    path = archive(tmp_path, [("x.npy", content_of(ARRAYS["x:0"]))], method)
    assert refusal(path) == f"'x.npy': compressed by {name}, neither stored nor deflated"


def test_what_is_no_archive_is_told(tmp_path):
    (tmp_path / "data.npz").write_bytes(b"text")
    assert refusal(tmp_path / "data.npz") == "BadZipFile: File is not a zip file"
    assert refusal(tmp_path / "nowhere.npz").startswith("FileNotFoundError: ")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(str(tmp_path / "data.npz"))
    with pytest.raises(UnreadableError, match="no regular file"):
        read_numpy_file(str(tmp_path / "data.npz"))


def test_two_members_of_one_name(tmp_path):
    members = [(name, content_of(np.ones(3))) for name in ("x", "x.npy")]
    with pytest.raises(UnreadableError, match="'x': there twice"):
        read_numpy_file(str(archive(tmp_path, members)))


def test_two_arrays_of_one_tensor():
    named = by_tensor_name({"x": [1], "y:1": [2]})
    assert {name: value.tolist() for name, value in named.items()} == {"x:0": [1], "y:1": [2]}
    with pytest.raises(UsageError, match="'x:0' is given twice"):
        by_tensor_name({"x": [1], "x:0": [2]})
