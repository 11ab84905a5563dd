"""Checkpoints of version 2: an index of entries, and the bytes of the values in data files.

Source: tensorflow/tensorflow:tensorflow/core/util/tensor_bundle/tensor_bundle.cc, and
tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import itertools
import operator
from typing import NamedTuple

import numpy as np

from slimfix.checkpoint.damage import Damage, within
from slimfix.checkpoint.dtypes import STRING, DType, dtype_of, numpy_dtype
from slimfix.checkpoint.files import File, file_size
from slimfix.checkpoint.keys import PART_KEY, part_key
from slimfix.checkpoint.shapes import (
    Part,
    Shape,
    check_parts,
    check_whole,
    count_values,
    join_parts,
    new_array,
    read_part,
    read_shape,
    shape_of_part,
)
from slimfix.checkpoint.strings import read_strings
from slimfix.checkpoint.table import Table, mask
from slimfix.checkpoint.versions import check_version
from slimfix.checkpoint.wire import Message, decode_text

# No network has as many; each takes half a byte of an index made to fill a memory.
_MOST_VARIABLES = 2**19


class Entry(NamedTuple):
    """What the index says of a variable, or of a part of one.

    Attributes:
      shard: the number of its data file, in which its `size` bytes begin at `offset`.
      crc: their checksum, masked.
      parts: of a variable that lies in parts, each with an entry of its own; it has no bytes then.
    """

    dtype: DType
    shape: Shape
    shard: int
    offset: int
    size: int
    crc: int
    parts: tuple[Part, ...]


class Bundle:
    """An open checkpoint of version 2: its index was read, its data files only measured."""

    def __init__(self, prefix: str):
        self._prefix = prefix
        index = f"{prefix}.index"
        table = iter(Table(index).entries())
        with within(f"'{index}'"):
            key, header = next(table, (None, b""))
            if key != b"":
                raise Damage("it has no header, so it is the index of no checkpoint")
            with within("its header"):
                self._shards = _count_shards(Message(header))
        self._parts: dict[bytes, Entry] = {}
        self.variables: dict[str, Entry] = {}
        for key, value in table:
            if key.startswith(PART_KEY):
                with within(f"'{index}': entry of a part, key {key[:80]!r}"):
                    self._parts[key] = _read_entry(value, self._shards)
            else:
                with within(f"'{index}': entry of '{key.decode(errors='replace')}'"):
                    self.variables[decode_text(key)] = _read_entry(value, self._shards)
                    if len(self.variables) > _MOST_VARIABLES:
                        raise Damage(f"it is entry {_MOST_VARIABLES + 1}")
        with within(f"'{index}'"):
            self._check_parts()
            self._check_places()

    def read(self, name: str) -> np.ndarray:
        """Returns the value of a variable."""
        entry = self.variables[name]
        if not entry.parts:
            return self._read(entry)
        check_whole(entry.parts, entry.shape)
        dtype = np.dtype(object) if entry.dtype == STRING else numpy_dtype(entry.dtype)
        return join_parts(
            entry.shape,
            dtype,
            entry.parts,
            lambda part: self._read(self._parts[part_key(name, part)]),
        )

    def _read(self, entry: Entry) -> np.ndarray:
        path = self._data_file(entry.shard)
        with File(path) as file, within(f"'{path}' at byte {entry.offset}"):
            file.check_range(entry.offset, entry.size)
            if entry.dtype == STRING:
                content = file.read(entry.offset, entry.size)
                values, crc = read_strings(content, count_values(entry.shape))
                value = new_array(entry.shape, np.dtype(object))
                value.reshape(-1)[:] = values
            else:
                value = new_array(entry.shape, numpy_dtype(entry.dtype))
                crc = file.read_into(value.reshape(-1).view(np.uint8).data, entry.offset)
            if mask(crc) != entry.crc:
                raise Damage("the checksum of the value is wrong")
        return value

    def _data_file(self, shard: int) -> str:
        return f"{self._prefix}.data-{shard:05d}-of-{self._shards:05d}"

    def _check_parts(self) -> None:
        """Every part belongs to one variable, and is there as the variable lists it."""
        left = dict(self._parts)
        for name, entry in self.variables.items():
            if not entry.parts:
                continue
            with within(f"'{name}'"):
                check_parts(entry.parts, entry.shape)
                for part in entry.parts:
                    found = left.pop(part_key(name, part), None)
                    if found is None:
                        raise Damage(f"its part {list(part)} is missing")
                    shape = shape_of_part(part, entry.shape)
                    if (found.dtype, found.shape, found.parts) != (entry.dtype, shape, ()):
                        raise Damage(f"its part {list(part)} has another dtype or shape")
        if left:
            raise Damage(f"{len(left)} parts belong to no variable, such as {min(left)[:80]!r}")

    def _check_places(self) -> None:
        """The bytes of all entries lie in the data files, and none over another's.

        So all values together are no larger than the files.
        """
        stored = [*self.variables.items(), *self._parts.items()]
        places = sorted(
            (entry.shard, entry.offset, entry.offset + entry.size, str(name))
            for name, entry in stored
            if not entry.parts
        )
        for shard, group in itertools.groupby(places, operator.itemgetter(0)):
            path = self._data_file(shard)
            size = file_size(path)
            taken, owner = 0, ""  # Up to which byte, and by whom.
            for _, start, end, name in group:
                if end > size:
                    raise Damage(f"'{name}' ends at byte {end} of '{path}', which has {size} bytes")
                if start < min(taken, end):
                    raise Damage(f"'{owner}' and '{name}' lie over each other")
                if end > taken:
                    taken, owner = end, name


def _count_shards(header: Message) -> int:
    if header.integer(2):
        raise Damage("the values are big-endian, which slimfix does not read")
    check_version(header.message(3))
    shards = header.integer(1)
    if not 1 <= shards <= 99999:
        raise Damage(f"the number of data files is {shards}")
    return shards


def _read_entry(value: bytes, shards: int) -> Entry:
    message = Message(value)
    shape = read_shape(message.message(2))
    entry = Entry(
        dtype=dtype_of(message.integer(1)),
        shape=shape,
        shard=message.integer(3),
        offset=message.integer(4),
        size=message.integer(5),
        crc=message.fixed32(6),
        parts=tuple(read_part(part, shape) for part in message.messages(7)),
    )
    if not 0 <= entry.shard < shards:
        raise Damage(f"data file {entry.shard} of {shards}")
    if entry.offset < 0 or entry.size < 0:
        raise Damage(f"{entry.size} bytes from byte {entry.offset} on")
    count = 0 if entry.parts else count_values(shape)
    if entry.dtype == STRING and entry.size < count:
        raise Damage(f"{entry.size} bytes are too few for {count} strings")
    if entry.dtype.size and entry.size != count * entry.dtype.size:
        raise Damage(f"{entry.size} bytes for {list(shape)} {entry.dtype.name}")
    return entry
