"""Damage to .npy content that is right in every checksum: headers that say something else."""

from __future__ import annotations

import ast
import struct
from random import Random
from typing import Any

from tests.fuzz.damage.raw import damage_bytes

_TYPES: tuple[Any, ...] = ("|O", "<f8", "<f2", ">f4", "|S3", "<U2", "<c16", "|V9", "nonsense", None)
_TYPES += ([("a", "<f4"), ("b", "|O")], "<M8[s]", "|b1", "<i8", "|S2147483647", "<U536870911", 7)


def damage_npy(random: Random, content: bytes) -> tuple[bytes, str]:
    """Returns the content of an .npy file with another header, or other numbers."""
    size = struct.unpack("<H", content[8:10])[0]
    header, data = content[10 : 10 + size], content[10 + size :]
    way = random.choice(
        ["shape", "shape", "descr", "descr", "order", "keys", "text", "data", "all"]
    )
    if way == "all":
        return damage_bytes(random, content)
    if way == "data":
        changed, told = damage_bytes(random, data) if data else (b"\0", "a byte")
        return content[: 10 + size] + changed, told
    if way == "text":
        return _npy(damage_bytes(random, header)[0], data), "header damaged"
    fields = ast.literal_eval(header.decode())
    if way == "shape":
        fields["shape"] = random.choice(_shapes(random, fields["shape"]))
    elif way == "descr":
        fields["descr"] = random.choice(_TYPES)
    elif way == "order":
        fields["fortran_order"] = random.choice([True, "yes", None])
    else:
        fields = random.choice([{}, {**fields, "more": 1}, {"shape": fields["shape"]}, [], "x"])
    return _npy(repr(fields).encode(), data), f"header {str(fields)[:90]}"


def _shapes(random: Random, shape: tuple[int, ...]) -> list[Any]:
    changed = list(shape) or [1]
    place = random.randrange(len(changed))
    more = [[*changed[:place], size, *changed[place + 1 :]] for size in (0, -1, 2**31, 2**62, 3)]
    return [
        *map(tuple, more),
        shape[::-1],
        (*shape, 1),
        (2**20,) * 3,
        None,
        "x",
        (1,) * 40,
        (True,),
    ]


def _npy(header: bytes, data: bytes) -> bytes:
    header = header[:60_000] + b" " * (-(len(header[:60_000]) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data
