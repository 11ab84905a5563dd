"""Sorted tables of keys and values, the files in which TensorFlow keeps both kinds of checkpoint.

Source: tensorflow/tensorflow:tensorflow/core/lib/io/format.cc, block.cc and table.cc, which follow
google/leveldb:doc/table_format.md.
"""

from __future__ import annotations

import bisect
import struct
from typing import Iterator

from slimfix.checkpoint.damage import Damage, within
from slimfix.checkpoint.files import File
from slimfix.checkpoint.wire import read_varint

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_TRAILER = 5  # After each block: its compression, and a checksum.
# TensorFlow stores every 16th key whole: keys take at most 16 times the room of their block.
_RESTART_INTERVAL = 16
# Of 3 bytes Snappy makes at most 64.
_SNAPPY_RATIO = 22


class Table:
    """A table file whose index was read; its blocks are read when they are asked for."""

    def __init__(self, path: str):
        self.path = path
        with File(path) as file, within(f"'{path}'"):
            if file.size < _FOOTER:
                raise Damage(f"{file.size} bytes are too few for a table, whose footer has 48")
            self._end = file.size - _FOOTER
            footer = file.read(self._end, _FOOTER)
            if int.from_bytes(footer[-8:], "little") != _MAGIC:
                raise Damage("the last 8 bytes are not those of a table")
            with within(f"footer at byte {self._end}"):
                _, place = _read_handle(footer, 0)
                handle, _ = _read_handle(footer, place)
            index = self._read_block(file, handle)
            with within(f"index block at byte {handle[0]}"):
                self._last_keys = [key for key, _ in index]
                self._handles = [_read_handle(value, 0)[0] for _, value in index]

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Gives all keys with their values, in ascending order."""
        before = None
        with File(self.path) as file, within(f"'{self.path}'"):
            for last_key, handle in zip(self._last_keys, self._handles):
                block = self._read_block(file, handle)
                with within(f"block at byte {handle[0]}"):
                    if not block or block[-1][0] > last_key:
                        raise Damage("the table's index gives other keys than the block")
                    if before is not None and block[0][0] <= before:
                        raise Damage("its keys do not come after those of the block before")
                yield from block
                before = last_key

    def get(self, key: bytes) -> bytes | None:
        """Returns the value of a key, or None. Reads one block."""
        number = bisect.bisect_left(self._last_keys, key)
        if number == len(self._handles):
            return None
        with File(self.path) as file, within(f"'{self.path}'"):
            return dict(self._read_block(file, self._handles[number])).get(key)

    def _read_block(self, file: File, handle: tuple[int, int]) -> list[tuple[bytes, bytes]]:
        offset, size = handle
        with within(f"block at byte {offset}"):
            if offset + size + _TRAILER > self._end:
                raise Damage(f"its {size} bytes go beyond byte {self._end}, where the blocks end")
            content = file.read(offset, size + _TRAILER)
            _check_masked(content[:-4], content[-4:])
            compression = content[size]
            if compression not in (0, 1):
                raise Damage(f"its compression {compression} is neither none nor Snappy")
            block = content[:size]
            return _parse_block(_decompress(block) if compression else block)


def masked_crc(data: bytes) -> int:
    """Returns the CRC-32C of data as tables and bundles store it."""
    import google_crc32c

    return mask(google_crc32c.value(data))


def mask(crc: int) -> int:
    """Returns a CRC-32C as it is stored. Source: tensorflow/tensorflow:.../lib/hash/crc32c.h."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _check_masked(data: bytes, stored: bytes) -> None:
    if masked_crc(data) != int.from_bytes(stored, "little"):
        raise Damage("its checksum is wrong")


def _decompress(block: bytes) -> bytes:
    import cramjam

    size, _ = read_varint(block, 0)
    if size > len(block) * _SNAPPY_RATIO:
        raise Damage(f"Snappy cannot make the declared {size} bytes of {len(block)}")
    try:
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise Damage(f"Snappy cannot read it: {error}") from None


def _read_handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    offset, place = read_varint(data, place)
    size, place = read_varint(data, place)
    return (offset, size), place


def _parse_block(block: bytes) -> list[tuple[bytes, bytes]]:
    """Returns the keys and values of a block: ascending keys, each stored as its difference."""
    if len(block) < 4:
        raise Damage(f"its {len(block)} bytes are too few for a block")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if restarts < 1 or end < 0:
        raise Damage(f"{restarts} restarts do not go into its {len(block)} bytes")
    whole_keys = {0}
    entries: list[tuple[bytes, bytes]] = []
    key, place, room = b"", 0, _RESTART_INTERVAL * len(block)
    while place < end:
        start = place
        shared, place = read_varint(block, place)
        fresh, place = read_varint(block, place)
        length, place = read_varint(block, place)
        if shared > len(key) or fresh + length > end - place:
            raise Damage(f"the entry at its byte {start} declares sizes beyond its end")
        next_key = key[:shared] + block[place : place + fresh]
        if entries and next_key <= key:
            raise Damage(f"the key at its byte {start} does not come after the one before")
        if not shared:
            whole_keys.add(start)
        key, place, room = next_key, place + fresh, room - len(next_key)
        if room < 0:
            raise Damage("its keys are longer than a block can hold")
        entries.append((key, block[place : place + length]))
        place += length
    if not whole_keys.issuperset(struct.unpack(f"<{restarts}I", block[end:-4])):
        raise Damage("a restart is no place of a whole key")
    return entries
