"""Checkpoint files that no TensorFlow would write, under checksums that are right.

`rewrite_table` changes the entries of an `.index` (or of a V1 file), `rewrite_entry` the fields of
one of them. Nothing here imports TensorFlow.
"""

import os

from slimfix.checkpoint.table import Table, masked_crc
from slimfix.checkpoint.wire import read_varint

VARINT, BYTES, FIXED32 = 0, 2, 5
# Fields of a BundleEntryProto, and of the header.
DTYPE, SHAPE, SHARD, OFFSET, SIZE, CRC, PARTS = range(1, 8)
SHARDS, ENDIAN, VERSIONS = range(1, 4)


def varint(number):
    """A number, a negative one in 64 bits as protobuf writes it."""
    number &= (1 << 64) - 1
    code = bytearray()
    while number > 0x7F:
        code.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(code + bytes([number]))


def field(number, value):
    """A field of a message: an int as a varint, bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def fields(message):
    """A message as a list of (number, kind, value), in the order of its bytes."""
    found, place = [], 0
    while place < len(message):
        tag, place = read_varint(message, place)
        if tag & 7 == VARINT:
            value, place = read_varint(message, place)
        else:
            size = 4
            if tag & 7 == BYTES:
                size, place = read_varint(message, place)
            value = message[place : place + size]
            place += size
        found.append((tag >> 3, tag & 7, value))
    return found


def change_fields(message, values):
    """The message with fields replaced, by number: `change_fields(entry, {SIZE: -1})`.

    None takes a field out; a CRC is 4 bytes.
    """
    kept = [(n, k, v) for n, k, v in fields(message) if n not in values]
    code = b"".join(varint(n << 3 | k) + v if k == FIXED32 else field(n, v) for n, k, v in kept)
    for number, value in values.items():
        if number == CRC:
            code += varint(number << 3 | FIXED32) + value
        elif value is not None:
            code += field(number, value)
    return code


def shape(*sizes):
    """A TensorShapeProto."""
    return b"".join(field(2, field(1, size)) for size in sizes)


def part(*extents):
    """A TensorSliceProto: (start, length) for each axis, None for a whole one."""
    return b"".join(
        field(1, b"" if extent is None else field(1, extent[0]) + field(2, extent[1]))
        for extent in extents
    )


def block(entries, restarts=(0,)):
    """A block whose keys are all whole. Without its trailer: see `seal`."""
    code = b"".join(
        varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries
    )
    return code + b"".join(r.to_bytes(4, "little") for r in (*restarts, len(restarts)))


def seal(content, compression=0):
    """A block with its compression and its checksum, as it lies in a file."""
    content += bytes([compression])
    return content + masked_crc(content).to_bytes(4, "little")


def table(blocks):
    """A table file of blocks, each given as (last key, contents, compression)."""
    code, index = b"", []
    for last_key, content, compression in blocks:
        index.append((last_key, varint(len(code)) + varint(len(content))))
        code += seal(content, compression)
    index_block = block(index)
    handles = varint(0) + varint(0) + varint(len(code)) + varint(len(index_block))
    return (
        code
        + seal(index_block)
        + handles.ljust(40, b"\0")
        + 0xDB4775248B80FB57.to_bytes(8, "little")
    )


def write_table(path, entries):
    """Writes entries, as (key, value) and in the order given, in one block."""
    with open(path, "wb") as file:
        file.write(table([(entries[-1][0] if entries else b"", block(entries), 0)]))


def rewrite_table(path, change):
    """Puts what `change` returns of a list of (key, value) into a table, under right checksums."""
    entries = change(list(Table(os.fspath(path)).entries()))
    write_table(path, entries)


def rewrite_entry(prefix, name, values):
    """Changes the fields of one entry of an index; see `change_fields`. The header's name is ''."""

    def change(entries):
        found = dict(entries)
        found[name.encode()] = change_fields(found[name.encode()], values)
        return sorted(found.items())

    rewrite_table(f"{prefix}.index", change)
