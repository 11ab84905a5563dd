"""Damage to an `.index` whose every checksum is right: entries that say something else.

Source of the format: google/leveldb:doc/table_format.md, tensorflow:core/lib/io/table.
"""

from __future__ import annotations

import struct
from random import Random

import google_crc32c

from tests.fuzz.damage.protos import damage_proto
from tests.fuzz.damage.raw import damage_bytes

Entries = list[tuple[bytes, bytes]]
_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)


def damage_index(random: Random, content: bytes) -> tuple[bytes, str]:
    """Returns an `.index` with one to three entries changed, lost, doubled or swapped."""
    from tensorflow.core.protobuf import tensor_bundle_pb2

    entries, told = read_table(content), []
    for _ in range(random.choice([1, 1, 2, 3])):
        place = random.randrange(len(entries))
        key, value = entries[place]
        name = key.decode("latin-1")
        way = random.choice(["field"] * 7 + ["bytes", "gone", "swap", "key", "empty"])
        if way == "field":
            kind = (
                tensor_bundle_pb2.BundleEntryProto if key else tensor_bundle_pb2.BundleHeaderProto
            )
            message = kind.FromString(value) if not told else kind()
            what = damage_proto(random, message) if message.ListFields() else "nothing in it"
            entries[place] = key, message.SerializeToString()
        elif way == "bytes":
            value, what = damage_bytes(random, value)
            entries[place] = key, value
        elif way == "empty":
            entries[place], what = (key, b""), "empty"
        elif way == "gone" and len(entries) > 1:
            what = "gone"
            del entries[place]
        elif way == "swap":
            other = random.randrange(len(entries))
            entries[place], what = (key, entries[other][1]), f"is {entries[other][0]!r}"
        else:
            changed, what = damage_bytes(random, key)
            entries[place] = changed, value
        told.append(f"entry '{name}': {what}")
    return write_table(sorted(entries)), "; ".join(told)


def read_table(content: bytes) -> Entries:
    """Returns keys and values of a table without compression, in order."""
    place = 0
    footer = content[-48:]
    for _ in range(2):
        _, place = _varint(footer, place)
    offset, place = _varint(footer, place)
    size, _ = _varint(footer, place)
    entries: Entries = []
    for _, handle in _block(content[offset : offset + size]):
        offset, place = _varint(handle, 0)
        size, _ = _varint(handle, place)
        entries += _block(content[offset : offset + size])
    return entries


def write_table(entries: Entries) -> bytes:
    """Returns a table of one block, checksums right."""
    block = _signed(_packed(entries))
    handle = _number(0) + _number(len(block) - 5)
    nothing = _signed(_packed([]))
    index = _signed(_packed([((entries[-1][0] if entries else b"") + b"\xff", handle)]))
    start = len(block) + len(nothing)
    footer = _number(len(block)) + _number(len(nothing) - 5)
    footer += _number(start) + _number(len(index) - 5)
    return block + nothing + index + footer.ljust(40, b"\0") + _MAGIC


def _block(block: bytes) -> Entries:
    restarts = struct.unpack("<I", block[-4:])[0]
    end = len(block) - 4 - 4 * restarts
    entries: Entries = []
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        size, place = _varint(block, place)
        key = key[:shared] + block[place : place + own]
        entries.append((key, block[place + own : place + own + size]))
        place += own + size
    return entries


def _packed(entries: Entries) -> bytes:
    packed, restarts = b"", []
    for key, value in entries:
        restarts.append(len(packed))
        packed += _number(0) + _number(len(key)) + _number(len(value)) + key + value
    restarts = restarts or [0]
    return packed + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def _signed(block: bytes) -> bytes:
    crc = google_crc32c.value(block + b"\0")
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return block + b"\0" + struct.pack("<I", masked)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def _number(value: int) -> bytes:
    packed = bytearray()
    while value > 127:
        packed.append(value & 127 | 128)
        value >>= 7
    return bytes([*packed, value])
