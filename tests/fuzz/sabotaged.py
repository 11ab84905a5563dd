"""Families whose readers fail in every way that the harness has to see. For its own tests."""

from __future__ import annotations

import os
import time
from random import Random
from typing import Any, Callable

import numpy as np

from slimfix.errors import UsageError
from tests.fuzz.case import Call, Damage, Family, Net

_PATH = "file.txt"
_WHOLE = b"whole"


def _damage(random: Random, net: Net) -> Damage:
    return Damage({_PATH: random.randbytes(4)}, "other bytes", seen=True)


def _on_damage(fault: Callable[[str], Any]) -> Callable[[str, Net], Any]:
    """Returns a reader that reads whole files well."""

    def read(folder: str, net: Net) -> Any:
        path = os.path.join(folder, _PATH)
        with open(path, "rb") as file:
            content = file.read()
        return content if content == _WHOLE else fault(path)

    return read


def _refuse(path: str) -> None:
    raise UsageError(f"'{path}' is damaged")


def _refuse_without_name(path: str) -> None:
    raise UsageError("something is damaged")


def _let_through(path: str) -> None:
    raise KeyError("inputs")


def _exit(path: str) -> None:
    raise SystemExit(0)


def _abort(path: str) -> None:
    os.abort()


def _hang(path: str) -> None:
    while True:
        time.sleep(0.1)


def _take_memory(path: str) -> bytes:
    assert np.ones(200 * 2**20, np.uint8)[-1]
    return _WHOLE


def _ask_for_memory(path: str) -> None:
    try:
        bytearray(2**40)
    except MemoryError as error:
        raise UsageError(f"'{path}': too large") from error


def _read_wrong(path: str) -> bytes:
    return b"wrong"


def _read_right(path: str) -> bytes:
    return _WHOLE


_FAULTS = {
    "refuses": _refuse,
    "right": _read_right,
    "nameless": _refuse_without_name,
    "raw": _let_through,
    "exits": _exit,
    "aborts": _abort,
    "hangs": _hang,
    "takes memory": _take_memory,
    "asks for memory": _ask_for_memory,
    "wrong": _read_wrong,
}

FAMILIES = [
    Family(name, 1, lambda: [Net("one", {_PATH: _WHOLE})], _damage, (Call("read", _on_damage(f)),))
    for name, f in _FAULTS.items()
]
