"""Strings in a data file: their lengths, a checksum of these, then their bytes.

Source: tensorflow/tensorflow:tensorflow/core/util/tensor_bundle/tensor_bundle.cc,
WriteStringTensor.
"""

from __future__ import annotations

from slimfix.checkpoint.damage import Damage
from slimfix.checkpoint.table import mask
from slimfix.checkpoint.wire import read_varint


def read_strings(content: bytes, count: int) -> tuple[list[bytes], int]:
    """Returns the strings and the checksum over all of them, as the index should have it."""
    import google_crc32c

    lengths: list[int] = []
    place = 0
    for _ in range(count):
        length, place = read_varint(content, place)
        lengths.append(length)
    # Lengths are checked as numbers of 4 bytes, where they fit.
    numbers = b"".join(n.to_bytes(4 if n < 1 << 32 else 8, "little") for n in lengths)
    crc = google_crc32c.value(numbers)
    stored = content[place : place + 4]
    if stored != mask(crc).to_bytes(4, "little"):
        raise Damage("the checksum of the lengths of its strings is wrong")
    place += 4
    if sum(lengths) != len(content) - place:
        raise Damage(f"strings of {sum(lengths)} bytes in {len(content) - place} bytes")
    crc = google_crc32c.extend(google_crc32c.extend(crc, stored), content[place:])
    strings = []
    for length in lengths:
        strings.append(content[place : place + length])
        place += length
    return strings, crc
