"""Reads `.npy` and `.npz` files of numbers, and believes no size that they declare."""

from __future__ import annotations

import collections
import os
import stat
import zipfile
from typing import IO, Any, Mapping

import numpy as np

from slimfix import names
from slimfix.errors import UsageError, reason

# NumPy and Keras write members as they are or deflated; of one byte deflate makes at most 1032.
_DEFLATE_RATIO = 1032
# More than this altogether, and over a hundred times the file, may be made to fill a memory.
_SMALL, _BOMB_RATIO = 2**30, 100
_CHUNK = 1 << 20
_ENCRYPTED = 1
_KINDS = "biufcSUMm"  # Numbers, texts, dates; no objects, no records.


class UnreadableError(Exception):
    """A file holds no arrays; the text says where in it and why, in a line."""


def read_numpy_file(path: str) -> np.ndarray | dict[str, np.ndarray]:
    """Returns the array of an `.npy` file, or those of an `.npz` file by name.

    Nothing is allocated before the sizes that the file declares were held against its own size,
    and nothing in it is run: arrays of objects are refused.

    Raises: UnreadableError: the file is missing, damaged, or no such file.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # To open a FIFO is to wait for its writer.
            raise UnreadableError("it is no regular file")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if file.read(6) == b"\x93NUMPY":
                file.seek(0)
                return _read_array(file, size)
            file.seek(0)
            return _read_members(file, size)
    except UnreadableError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy have many kinds for damage.
        raise UnreadableError(reason(error)) from error


def by_tensor_name(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns arrays by tensor name that are given by tensor or node name: 'x' stands for 'x:0'.

    Raises: UsageError: two of them are of one tensor.
    """
    found: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        tensor = names.join_tensor_name(*names.split_tensor_name(name))
        if tensor in found:
            raise UsageError(f"'{tensor}' is given twice, once without its ':0'")
        found[tensor] = np.asarray(array)
    return found


def _read_members(file: IO[bytes], size: int) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_members(members, size)
        for member in members:
            name = member.filename[:-4] if member.filename.endswith(".npy") else member.filename
            if name in arrays:
                raise UnreadableError(f"'{name}': there twice")
            try:
                with archive.open(member) as content:
                    arrays[name] = _read_array(content, member.file_size)
            except Exception as error:  # as above
                why = str(error) if isinstance(error, UnreadableError) else reason(error)
                raise UnreadableError(f"'{name}': {why}") from error
    return arrays


def check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raises UnreadableError where the members of a zip archive cannot be what they declare.

    Args:
      members: of the archive.
      size: bytes of the file.
    """
    times = collections.Counter(member.filename for member in members)
    for member in members:
        declared, stored = member.file_size, member.compress_size
        most = stored if member.compress_type == zipfile.ZIP_STORED else stored * _DEFLATE_RATIO
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            why = f"compressed by method {member.compress_type}, neither stored nor deflated"
        elif member.flag_bits & _ENCRYPTED:
            why = "encrypted"
        elif declared > most or stored > size:
            why = f"{declared} bytes declared of {stored} stored, in a file of {size}"
        elif times[member.filename] > 1:
            why = f"there {times[member.filename]} times"
        else:
            continue
        raise UnreadableError(f"'{member.filename}': {why}")
    total = sum(member.file_size for member in members)
    if total > max(_SMALL, _BOMB_RATIO * size):
        raise UnreadableError(
            f"{size} bytes that are to become {total}, as of a file made to fill a memory; written "
            "without compression, as numpy.savez does, it is taken"
        )
    if sum(member.compress_size for member in members) > size:
        raise UnreadableError(f"its members overlap: more than its {size} bytes together")


def _read_array(file: IO[bytes], size: int) -> np.ndarray:
    """Returns an array of `size` bytes, header included."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise UnreadableError(
            f"written in format {version[0]}.{version[1]} of .npy; want 1.0 or 2.0"
        )
    return _fill(file, size - file.tell(), shape, fortran, dtype)


def _fill(
    file: IO[bytes], left: int, shape: tuple[int, ...], fortran: bool, dtype: Any
) -> np.ndarray:
    if dtype.kind not in _KINDS or dtype.hasobject:
        raise UnreadableError(f"its dtype is {dtype}; want numbers or texts")
    count = 1
    for each in shape:  # Not of NumPy, whose integers overflow.
        count *= int(each)
    if min(shape, default=0) < 0 or count * dtype.itemsize != left:
        raise UnreadableError(
            f"{list(shape)} {dtype} declared, {count * dtype.itemsize} bytes; {left} are there"
        )
    content = np.empty(left, np.uint8)
    for start in range(0, left, _CHUNK):
        chunk = file.read(min(_CHUNK, left - start))
        if len(chunk) < min(_CHUNK, left - start):
            raise UnreadableError(f"{start + len(chunk)} of its {left} bytes are there")
        content[start : start + len(chunk)] = np.frombuffer(chunk, np.uint8)
    array = np.frombuffer(content, dtype, count)
    return array.reshape(shape, order="F" if fortran else "C")
