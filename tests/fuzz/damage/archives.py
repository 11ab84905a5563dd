"""Damage to zip archives that stay valid ones: members changed, lost, doubled, or far too large."""

from __future__ import annotations

import functools
import io
import struct
import zipfile
import zlib
from random import Random
from typing import Callable, Sequence

from tests.fuzz.damage.raw import damage_bytes

Members = list[tuple[str, bytes]]
_Told = tuple[bytes, str]
_BOMB = 3 * 2**30
_PIECE = 2**20


def read_members(content: bytes) -> Members:
    """Returns name and content of every member of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def write_members(members: Sequence[tuple[str, bytes]], compression: int = 0) -> bytes:
    """Returns a zip archive, the same bytes for the same members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def damage_archive(
    random: Random, content: bytes, damage: Callable[[Random, str, bytes], _Told]
) -> _Told:
    """Returns an archive that is valid, and says something else.

    Args:
      random: draws.
      content: of the archive.
      damage: changes the content of a member, by its name.
    """
    members = read_members(content)
    index = random.randrange(len(members))
    name, inner = members[index]
    way = random.choice(
        ["inside"] * 12 + ["bytes"] * 3 + ["gone", "twin", "renamed", "bomb", "size"]
    )
    if way == "bomb":
        del members[index]
        return _add_bomb(write_members(members), name), f"{name}: {_BOMB} zeros in {_BOMB >> 10}"
    if way == "size":
        return _declare(random, content, name), f"{name}: declares another size"
    if way == "gone":
        del members[index]
        return write_members(members), f"{name} is gone"
    if way == "twin":
        members.append((name, damage(random, name, inner)[0]))
        return write_members(members), f"{name} twice, the second changed"
    if way == "renamed":
        members[index] = (random.choice(["x", "../" + name, "/" + name, name + "x"]), inner)
        return write_members(members), f"{name} renamed to {members[index][0]}"
    changed, told = damage_bytes(random, inner) if way == "bytes" else damage(random, name, inner)
    members[index] = (name, changed)
    return write_members(members, random.choice([0, 0, zipfile.ZIP_DEFLATED])), f"{name}: {told}"


def _declare(random: Random, content: bytes, name: str) -> bytes:
    """Changes the sizes that the central directory declares of a member."""
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    changed = bytearray(content)
    for offset in random.choice([(20,), (24,), (20, 24)]):  # Compressed, and as it was.
        size = random.choice([0, 1, 2**31 - 1, 2**32 - 2])
        changed[place + offset : place + offset + 4] = struct.pack("<I", size)
    return bytes(changed)


@functools.lru_cache(maxsize=1)
def _zeros() -> tuple[bytes, int]:
    """Returns three GiB of zeros, deflated, and their CRC-32."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece, crc = bytes(_PIECE), 0
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)  # It can stand repeatedly.
    for _ in range(_BOMB // _PIECE):
        crc = zlib.crc32(piece, crc)
    return packed * (_BOMB // _PIECE) + packer.flush(), crc


def _add_bomb(content: bytes, name: str) -> bytes:
    """Returns an archive with one more member, of three GiB: honest in all it declares."""
    packed, crc = _zeros()
    end = content.rindex(b"PK\x05\x06")
    entries, size, start = struct.unpack("<HII", content[end + 10 : end + 20])
    common = struct.pack(
        "<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(packed), _BOMB, len(name.encode()), 0
    )
    local = b"PK\x03\x04" + common + name.encode() + packed
    record = b"PK\x01\x02" + struct.pack("<H", 20) + common
    record += struct.pack("<HHHII", 0, 0, 0, 0, start) + name.encode()
    directory = content[start : start + size] + record
    ending = struct.pack(
        "<HHHHIIH", 0, 0, entries + 1, entries + 1, len(directory), start + len(local), 0
    )
    return content[:start] + local + directory + b"PK\x05\x06" + ending
