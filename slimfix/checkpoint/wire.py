"""Varints, and protocol buffers as numbered fields.

The few small messages of a checkpoint are parsed by hand: strictly, at no import time, and beside
whatever descriptors TensorFlow has registered. Values of tensors go to NumPy as the bytes they are.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from typing import Any

from slimfix.checkpoint.damage import Damage

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KINDS = {
    _VARINT: "a varint",
    _FIXED64: "8 bytes",
    _BYTES: "a length and bytes",
    _FIXED32: "4 bytes",
}


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Returns the number below 2**64 that begins at `place`, and the place after it."""
    if place < len(data) and data[place] < 0x80:  # Nearly all of them.
        return data[place], place + 1
    value = shift = 0
    while True:
        if place >= len(data):
            raise Damage("a varint goes beyond the end")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise Damage("a varint is 2**64 or more")
            return value, place
        shift += 7
        if shift > 63:
            raise Damage("a varint has more than 10 bytes")


class Message:
    """A message as fields by number. A field that is not there is 0 or empty, as in proto3."""

    def __init__(self, data: bytes):
        # By the tag, so number and kind of value; as for protobuf, another kind is another field.
        self._fields: dict[int, list[Any]] = {}
        place, end = 0, len(data)
        while place < end:
            tag, place = read_varint(data, place)
            kind = tag & 7
            value: int | bytes
            if kind == _VARINT:
                value, place = read_varint(data, place)
            elif kind in (_BYTES, _FIXED32, _FIXED64):
                size = 8 if kind == _FIXED64 else 4
                if kind == _BYTES:
                    size, place = read_varint(data, place)
                if size > end - place:
                    raise Damage(f"field {tag >> 3} goes beyond the end of its message")
                value = data[place : place + size]
                place += size
            else:
                raise Damage(f"field {tag >> 3} has the unknown kind {kind}")
            if tag in self._fields:
                self._fields[tag].append(value)
            else:
                self._fields[tag] = [value]

    def integer(self, number: int, missing: int = 0) -> int:
        """An int32 or int64; the last one where a file repeats it, as protobuf has it."""
        values = self._fields.get(number << 3 | _VARINT)
        value = values[-1] if values else missing
        return value - (1 << 64) if value >> 63 == 1 else value

    def fixed32(self, number: int) -> int:
        values = self._fields.get(number << 3 | _FIXED32)
        return int.from_bytes(values[-1], "little") if values else 0

    def each(self, number: int) -> list[bytes]:
        """A repeated field of bytes, texts or messages."""
        return self._fields.get(number << 3 | _BYTES, [])

    def joined(self, number: int) -> bytes:
        """Packed numbers, or a message: where a file repeats these, the parts belong together."""
        return b"".join(self.each(number))

    def message(self, number: int) -> Message:
        return Message(self.joined(number))

    def messages(self, number: int) -> list[Message]:
        return [Message(data) for data in self.each(number)]

    def text(self, number: int) -> str:
        values = self.each(number)
        return decode_text(values[-1] if values else b"")


def decode_text(data: bytes) -> str:
    """Returns a name as a str."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Damage(f"the name {data[:80]!r} is no UTF-8") from None
