"""The small networks of tests/golden, as files."""

from __future__ import annotations

import functools
import io
import json
import os
from typing import Any

import numpy as np

from tests.fuzz.case import Net, read_files

_GOLDEN = "tests/golden"
PREFIX = "model.ckpt"
INDEX, DATA, META = PREFIX + ".index", PREFIX + ".data-00000-of-00001", PREFIX + ".meta"
# Ones and numbers that the networks take.
_IMAGES = {"forms": ("images", [4, 6, 5, 2]), "micro/rank4": ("x", [4, 5, 3, 2])}


@functools.lru_cache(maxsize=None)
def golden(name: str, *paths: str) -> Net:
    """Returns the files of a network: all that begin with its prefix if no paths are given."""
    folder = os.path.join(_GOLDEN, name)
    found = paths or tuple(f for f in sorted(os.listdir(folder)) if f.startswith(PREFIX))
    return Net(name, read_files(folder, *found), {"data": _draw(name), "ends": _find_ends(name)})


def _find_ends(name: str) -> dict[str, list[str]]:
    """Returns inputs and outputs of a network that holds several ops side by side; else {}."""
    if not name.startswith("op_nets"):
        return {}
    with np.load(os.path.join(_GOLDEN, name, "recording.npz")) as file:
        header = json.loads(str(file["recording"]))
    return {"inputs": header["inputs"], "outputs": header["outputs"]}


def _draw(name: str) -> dict[str, np.ndarray]:
    """Returns inputs by the name of their placeholder; {} where they are not known here."""
    for start, (tensor, shape) in _IMAGES.items():
        if name.startswith(start):
            values = np.random.default_rng(5).normal(size=shape).astype(np.float32)
            return {tensor: values}
    return {}


def npz(arrays: dict[str, Any], compressed: bool = False) -> bytes:
    """Returns the content of an .npz file."""
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()
