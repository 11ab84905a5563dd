"""Varints, and protocol buffers as numbered fields.

The few small messages of a checkpoint are parsed by hand: strictly, at no import time, and beside
whatever descriptors TensorFlow has registered. Values of tensors go to NumPy as the bytes they are.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from slimfix.checkpoint.damage import Damage, within

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KINDS = {
    _VARINT: "a varint",
    _FIXED64: "8 bytes",
    _BYTES: "a length and bytes",
    _FIXED32: "4 bytes",
}


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Returns the number below 2**64 that begins at `place`, and the place after it."""
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
        self._fields: dict[int, list[tuple[int, int | bytes]]] = {}
        place = 0
        while place < len(data):
            tag, place = read_varint(data, place)
            number, kind = tag >> 3, tag & 7
            value: int | bytes
            if kind == _VARINT:
                value, place = read_varint(data, place)
            elif kind in _KINDS:
                size = 8 if kind == _FIXED64 else 4
                if kind == _BYTES:
                    size, place = read_varint(data, place)
                if size > len(data) - place:
                    raise Damage(f"field {number} goes beyond the end of its message")
                value = data[place : place + size]
                place += size
            else:
                raise Damage(f"field {number} has the unknown kind {kind}")
            self._fields.setdefault(number, []).append((kind, value))

    def integer(self, number: int) -> int:
        """An int32 or int64; the last one where a file repeats it, as protobuf has it."""
        values = self._values(number, _VARINT)
        value = values[-1] if values else 0
        return value - (1 << 64) if value >> 63 else value

    def fixed32(self, number: int) -> int:
        values = self._values(number, _FIXED32)
        return int.from_bytes(values[-1], "little") if values else 0

    def each(self, number: int) -> list[bytes]:
        """A repeated field of bytes, texts or messages."""
        return self._values(number, _BYTES)

    def joined(self, number: int) -> bytes:
        """Packed numbers, or a message: where a file repeats these, the parts belong together."""
        return b"".join(self._values(number, _BYTES))

    def message(self, number: int) -> Message:
        with within(f"field {number}"):
            return Message(self.joined(number))

    def messages(self, number: int) -> list[Message]:
        with within(f"field {number}"):
            return [Message(data) for data in self.each(number)]

    def text(self, number: int) -> str:
        values = self._values(number, _BYTES)
        return decode_text(values[-1] if values else b"")

    def has(self, number: int) -> bool:
        return number in self._fields

    def _values(self, number: int, kind: int) -> list:
        found = self._fields.get(number, ())
        for other, _ in found:
            if other != kind:
                raise Damage(f"field {number} is {_KINDS[other]} in place of {_KINDS[kind]}")
        return [value for _, value in found]


def decode_text(data: bytes) -> str:
    """Returns a name as a str."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Damage(f"the name {data[:80]!r} is no UTF-8") from None
