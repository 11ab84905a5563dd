"""Checkpoint files that no TensorFlow would write, under checksums that are right.

`rewrite_table` changes the entries of an `.index` (or of a V1 file), `rewrite_entry` the fields of
one of them. Nothing here imports TensorFlow, or what it is to test.

Source of the format: google/leveldb:doc/table_format.md, tensorflow:core/lib/io/table.
"""

import google_crc32c

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


def read_varint(data, place):
    """The number at a place, and the place after it."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, place


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
    crc = google_crc32c.value(content)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return content + masked.to_bytes(4, "little")


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


def table_of(entries):
    """A table file of entries, as (key, value) and in the order given, in one block."""
    return table([(entries[-1][0] if entries else b"", block(entries), 0)])


def write_table(path, entries):
    """Writes the table of entries."""
    with open(path, "wb") as file:
        file.write(table_of(entries))


def read_table(content):
    """The entries of a whole table file without compression, as (key, value) in their order."""
    _, place = read_varint(content[-48:], 0)
    _, place = read_varint(content[-48:], place)
    entries = []
    for _, handle in read_block(content, content[-48:], place):
        entries += read_block(content, handle, 0)
    return entries


def read_block(content, handle, place):
    """The entries of the block whose start and size are at a place of `handle`."""
    start, place = read_varint(handle, place)
    size, _ = read_varint(handle, place)
    code = content[start : start + size]
    end = size - 4 - 4 * int.from_bytes(code[-4:], "little")
    entries, place, key = [], 0, b""
    while place < end:
        shared, place = read_varint(code, place)
        own, place = read_varint(code, place)
        length, place = read_varint(code, place)
        key = key[:shared] + code[place : place + own]
        place += own + length
        entries.append((key, code[place - length : place]))
    return entries


def read_table_file(path):
    """The entries of a table file; see `read_table`."""
    with open(path, "rb") as file:
        return read_table(file.read())


def rewrite_table(path, change):
    """Puts what `change` returns of a list of (key, value) into a table, under right checksums."""
    write_table(path, change(read_table_file(path)))


def rewrite_entry(prefix, name, values):
    """Changes the fields of one entry of an index; see `change_fields`. The header's name is ''."""

    def change(entries):
        found = dict(entries)
        found[name.encode()] = change_fields(found[name.encode()], values)
        return sorted(found.items())

    rewrite_table(f"{prefix}.index", change)
