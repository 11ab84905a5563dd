"""Recordings: the .npz files that `slimfix record` writes."""

from __future__ import annotations

import functools
import io
import json
import os
from random import Random
from typing import Any, Sequence

import numpy as np

from tests.fuzz.case import Call, Damage, Family, Net, read_files
from tests.fuzz.damage.archives import damage_archive, read_members, write_members
from tests.fuzz.damage.arrays import damage_npy
from tests.fuzz.damage.json_values import damage_json
from tests.fuzz.damage.raw import damage_bytes
from tests.fuzz.families import whole
from tests.fuzz.families.reading import plain

_PATH = "recording.npz"
_HEADER = "recording.npy"


@functools.lru_cache(maxsize=None)
def nets() -> Sequence[Net]:
    found = [
        Net(name, read_files(whole.HOME, f"{name}.npz"), {"checkpoint": checkpoint})
        for name, checkpoint in whole.RECORDED
    ]
    return [Net(n.name, {_PATH: n.files[f"{n.name}.npz"]}, n.arguments) for n in found]


def damage(random: Random, net: Net) -> Damage:
    """Damages a recording: bytes, members, or what it says under right checksums."""
    content = net.files[_PATH]
    way = random.choice(["bytes", "bytes", "archive", "signed", "signed", "signed", "another"])
    if way == "bytes":
        changed, told = damage_bytes(random, content)
    elif way == "archive":
        changed, told = damage_archive(random, content, lambda r, n, c: damage_npy(r, c))
    elif way == "another":
        other = random.choice([each for each in nets() if each is not net])
        return Damage({_PATH: other.files[_PATH]}, f"recording of {other.name}", False)
    else:
        changed, told = _signed(random, content)
    return Damage({_PATH: changed}, f"{way}: {told}", way != "signed")


def _signed(random: Random, content: bytes) -> tuple[bytes, str]:
    """Changes the header or an array, and computes the checksums anew as slimfix does."""
    from slimfix.reference import recording

    members = dict(read_members(content))
    arrays = {name[:-4]: np.load(io.BytesIO(inner)) for name, inner in members.items()}
    header: Any = json.loads(str(arrays.pop("recording")))
    if random.random() < 0.5:
        header, told = damage_json(random, header)
    else:
        told = _change_arrays(random, arrays)
    if isinstance(header, dict):
        header["header_sha256"] = recording._header_checksum(header)
        header["sha256"] = recording.checksum(arrays)
    arrays["recording"] = np.array(json.dumps(header, sort_keys=True))
    written = []
    for name, value in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, value)
        written.append((f"{name}.npy", buffer.getvalue()))
    return write_members(written), told


def _change_arrays(random: Random, arrays: dict[str, np.ndarray]) -> str:
    name = random.choice(sorted(arrays))
    value = arrays[name]
    way = random.choice(["gone", "renamed", "shape", "dtype", "nan", "empty", "scalar", "other"])
    if way in ("gone", "renamed"):
        del arrays[name]
        if way == "renamed":
            arrays[random.choice([name + "x", "input/" + name, name.partition("/")[2]])] = value
        return f"'{name}' {way}"
    flat = value.ravel()
    arrays[name] = {
        "shape": value[..., None] if random.random() < 0.5 else flat,
        "dtype": value.astype(random.choice(["f8", "f2", "i4", "c8", "S4", "U3", "?", "u1"])),
        "nan": np.full_like(value, np.nan) if value.dtype.kind == "f" else value,
        "empty": value[:0] if value.ndim else value,
        "scalar": np.float32(3.5),
        "other": arrays[random.choice(sorted(arrays))],
    }[way]
    return f"'{name}' {way}: {arrays[name].dtype} {arrays[name].shape}"


def read(folder: str, net: Net) -> Any:
    from slimfix.parity import read_recording

    found = read_recording(os.path.join(folder, _PATH))
    steps = found.trajectory
    rooms = {"inputs": found.inputs, "tensors": found.tensors, "training": found.training}
    rooms.update(statistics=found.statistics, cotangents=found.cotangents)
    rooms.update(gradients=found.gradients)
    if steps is not None:
        rooms.update(batches=steps.inputs, targets=steps.targets, weights=steps.weights)
        rooms["losses"] = {"": steps.losses}
    header = (dict(found.versions), dict(found.switches), str(steps and steps.optimizer))
    return {room: plain(values) for room, values in rooms.items()}, header


def verify(folder: str, net: Net) -> None:
    import slimfix

    model = f"{whole.HOME}/{net.name}"
    slimfix.verify_parity(model, recording=os.path.join(folder, _PATH), levels="L2")


def verify_all(folder: str, net: Net) -> None:
    import slimfix

    model = f"{whole.HOME}/{net.name}"
    slimfix.verify_parity(model, recording=os.path.join(folder, _PATH))


def migrate(folder: str, net: Net) -> None:
    import slimfix

    recording = os.path.join(folder, _PATH)
    output = os.path.join(folder, "out")
    slimfix.migrate(net.arguments["checkpoint"], output, recording=recording)


FAMILIES = [
    Family(
        "recording",
        9,
        nets,
        damage,
        (
            Call("read", read, 12),
            Call("verify", verify, 5),
            Call("verify all", verify_all, 1),
            Call("migrate", migrate, 1),
        ),
    )
]
