"""Data files of --data: .npz and .npy."""

from __future__ import annotations

import io
import os
import re
import zipfile
from random import Random
from typing import Any, Sequence

import numpy as np

from tests.fuzz.case import Call, Damage, Family, Net
from tests.fuzz.damage.archives import damage_archive
from tests.fuzz.damage.arrays import damage_npy
from tests.fuzz.damage.raw import damage_bytes
from tests.fuzz.families import whole
from tests.fuzz.families.nets import golden, npz
from tests.fuzz.families.reading import plain

_NPZ, _NPY = "data.npz", "data.npy"
_SCOPE = "net/conv/BatchNorm"
# What values are for: arrays of theirs, and what is computed of them.
_NAMED = frozenset({"x", "labels", f"{_SCOPE}/moving_mean", f"{_SCOPE}/moving_variance"})


def nets() -> Sequence[Net]:
    checkpoint = golden("micro/rank4_scale")
    values = checkpoint.arguments["data"]["x"]
    buffer = io.BytesIO()
    np.save(buffer, values)
    arrays = {"x:0": values, "labels": np.arange(4)}
    return [
        Net("npz", {_NPZ: npz(arrays)}, {"path": _NPZ}),
        Net("npz, compressed", {_NPZ: npz(arrays, compressed=True)}, {"path": _NPZ}),
        Net("npy", {_NPY: buffer.getvalue()}, {"path": _NPY}),
    ]


def damage(random: Random, net: Net) -> Damage:
    path = net.arguments["path"]
    content = net.files[path]
    if random.random() < 0.4:
        changed, told = damage_bytes(random, content)
        return Damage({path: changed}, f"{path}: {told}", path == _NPZ)
    if path == _NPY:
        changed, told = damage_npy(random, content)
    else:
        changed, told = damage_archive(random, content, lambda r, n, c: damage_npy(r, c))
    told = f"{path}, checksums right: {told}"
    held = _NAMED if path == _NPY else _NAMED | _names_in(changed)
    return Damage({path: changed}, told, False, inside=held)


def _names_in(content: bytes) -> frozenset[str]:
    """Returns the names of the arrays that an archive holds, without the index of an output."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return frozenset(re.sub(r"(:\d+)?\.npy$", "", name) for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return frozenset()


def read(folder: str, net: Net) -> Any:
    from slimfix.reference.feeds import read_data

    found = read_data(os.path.join(folder, net.arguments["path"]))
    return plain(found if isinstance(found, dict) else {"": found})


def read_named(folder: str, net: Net) -> Any:
    from slimfix.recalibration.arrays import read_arrays

    return plain(read_arrays(os.path.join(folder, net.arguments["path"])))


def verify(folder: str, net: Net) -> None:
    import slimfix

    slimfix.verify_parity(f"{whole.HOME}/micro", data=os.path.join(folder, net.arguments["path"]))


def record(folder: str, net: Net) -> None:
    import slimfix

    data = os.path.join(folder, net.arguments["path"])
    output = os.path.join(folder, "out.npz")
    checkpoint = "tests/golden/micro/rank4_scale/model.ckpt"
    slimfix.record(checkpoint, output, data=data, levels=["L1"], progress=False)


def recalibrate(folder: str, net: Net) -> None:
    import slimfix
    from slimfix.recalibration.arrays import read_arrays

    data = read_arrays(os.path.join(folder, net.arguments["path"]))
    data.pop("labels", None)
    checkpoint = "tests/golden/micro/rank4_scale/model.ckpt"
    output = os.path.join(folder, "out.ckpt")
    slimfix.recalibrate_checkpoint(checkpoint, output, data, progress=False)


FAMILIES = [
    Family(
        "data",
        5,
        nets,
        damage,
        (
            Call("read_data", read, 6),
            Call("read_arrays", read_named, 3, needs=_NPZ),
            Call("verify", verify, 2),
            Call("record", record, 2),
            Call("recalibrate", recalibrate, 1, needs=_NPZ),
        ),
    )
]
