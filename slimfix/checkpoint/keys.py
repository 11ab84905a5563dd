"""Keys under which tables hold parts of variables: bytes that sort as what they encode.

Source: tensorflow/tensorflow:tensorflow/core/util/saved_tensor_slice_util.cc
(EncodeTensorNameSlice) and tensorflow/core/lib/strings/ordered_code.cc.
"""

from __future__ import annotations

from slimfix.checkpoint.shapes import Part

# What all these keys begin with, and no variable's name does.
PART_KEY = b"\x00"


def part_key(name: str, part: Part) -> bytes:
    """Returns the key of a part of a variable."""
    escaped = name.encode().replace(b"\x00", b"\x00\xff")
    extents = b"".join(_signed(start) + _signed(length) for start, length in part)
    return PART_KEY + escaped + b"\x00\x01" + _unsigned(len(part)) + extents


def _unsigned(number: int) -> bytes:
    size = (number.bit_length() + 7) // 8
    return bytes([size]) + number.to_bytes(size, "big")


def _signed(number: int) -> bytes:
    """The number in two's complement, its first bits turned: as many as the code has bytes."""
    size = (number if number >= 0 else ~number).bit_length() // 7 + 1
    header = ((1 << size) - 1) << (7 * size)
    code = header ^ (number & ((1 << 8 * size) - 1))
    return code.to_bytes(size, "big")
