"""Damage to bytes, whatever they mean: what disks, copies and editors do."""

from __future__ import annotations

from random import Random

_Told = tuple[bytes, str]


def damage_bytes(random: Random, content: bytes) -> _Told:
    """Returns bytes that are damaged in one way, and which."""
    damaged, told = content, ""
    while damaged == content:
        damaged, told = random.choice(_WAYS)(random, content)
    return damaged, told


def _flip_bits(random: Random, content: bytes) -> _Told:
    changed = bytearray(content or b"\0")
    places = [random.randrange(len(changed)) for _ in range(random.choice([1, 1, 1, 3, 20]))]
    for place in places:
        changed[place] ^= 1 << random.randrange(8)
    return bytes(changed), f"bits flipped at {places}"


def _truncate(random: Random, content: bytes) -> _Told:
    size = random.choice([0, 1, len(content) - 1, random.randrange(len(content) + 1)])
    return content[: max(size, 0)], f"cut to {size} of {len(content)} bytes"


def _zero(random: Random, content: bytes) -> _Told:
    start, end = _range(random, content)
    return content[:start] + bytes(end - start) + content[end:], f"zeros in {start}:{end}"


def _fill(random: Random, content: bytes) -> _Told:
    start, end = _range(random, content)
    filled = content[:start] + random.randbytes(end - start) + content[end:]
    return filled, f"noise in {start}:{end}"


def _insert(random: Random, content: bytes) -> _Told:
    place = random.randrange(len(content) + 1)
    noise = random.randbytes(random.choice([1, 2, 16, 300]))
    return content[:place] + noise + content[place:], f"{len(noise)} bytes inserted at {place}"


def _remove(random: Random, content: bytes) -> _Told:
    start, end = _range(random, content)
    return content[:start] + content[end:], f"{start}:{end} removed"


def _repeat(random: Random, content: bytes) -> _Told:
    start, end = _range(random, content)
    return content[:end] + content[start:end] + content[end:], f"{start}:{end} twice"


def _range(random: Random, content: bytes) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.choice([1, 4, 16, 64, 512, len(content)]))


_WAYS = (_flip_bits, _flip_bits, _truncate, _zero, _fill, _insert, _remove, _repeat)
