"""Keras models, and the folders that `slimfix migrate` writes."""

from __future__ import annotations

import functools
import io
import os
from random import Random
from typing import Any, Sequence

import numpy as np

from tests.fuzz.case import Call, Damage, Family, Net, WrongValue, read_files
from tests.fuzz.damage.archives import damage_archive
from tests.fuzz.damage.json_values import damage_json_text
from tests.fuzz.damage.raw import damage_bytes
from tests.fuzz.families import whole

_MODEL, _ACCOUNT = "model.keras", "migration.json"


@functools.lru_cache(maxsize=None)
def nets() -> Sequence[Net]:
    return [
        Net(name, read_files(f"{whole.HOME}/{name}"), {"checkpoint": checkpoint})
        for name, checkpoint, _ in whole.MIGRATED
    ]


def damage_model(random: Random, net: Net) -> Damage:
    """Damages model.keras: bytes, members, JSON, HDF5."""
    content = net.files[_MODEL]
    way = random.choice(["bytes", "archive", "archive", "archive", "another"])
    if way == "bytes":
        changed, told = damage_bytes(random, content)
    elif way == "archive":
        changed, told = damage_archive(random, content, _damage_member)
    else:
        other = random.choice([each for each in nets() if each is not net])
        path = random.choice([_MODEL, "model.weights.h5", "parity.json", "model.py"])
        changed, told = other.files[path], f"is {path} of {other.name}"
    return Damage({_MODEL: changed}, f"{_MODEL}: {told}", way == "bytes")


def _damage_member(random: Random, name: str, content: bytes) -> tuple[bytes, str]:
    if name.endswith(".json"):
        return damage_json_text(random, content)
    return (
        _damage_weights(random, content) if random.random() < 0.5 else damage_bytes(random, content)
    )


def _damage_weights(random: Random, content: bytes) -> tuple[bytes, str]:
    """Changes a data set of an HDF5 file, which stays a valid one."""
    import h5py

    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        paths: list[str] = []
        file.visititems(lambda p, item: paths.append(p) if hasattr(item, "shape") else None)
        path = random.choice(sorted(paths))
        value = file[path][()]
        way = random.choice(["gone", "huge", "dtype", "shape", "nan", "value", "outside", "string"])
        del file[path]
        if way == "huge":
            file.create_dataset(path, (2**33,), "f4", chunks=(2**20,))
        elif way == "outside":
            file[path] = h5py.ExternalLink("/etc/hostname", "/x")
            if random.random() < 0.5:
                del file[path]
                file.create_dataset(path, value.shape, value.dtype, external="/etc/passwd")
        elif way != "gone":
            changed = {
                "dtype": lambda: value.astype(random.choice(["f8", "f2", "i4", "S3"])),
                "shape": lambda: value.reshape(-1)[:-1],
                "nan": lambda: np.full_like(value, np.nan),
                "value": lambda: value + np.asarray(1, value.dtype),
                "string": lambda: "text",
            }[way]()
            file.create_dataset(path, data=changed)
    return buffer.getvalue(), f"{path} {way}"


def damage_folder(random: Random, net: Net) -> Damage:
    """Damages migration.json, or puts other files into its folder."""
    way = random.choice(["json", "json", "json", "json", "bytes", "swapped", "gone"])
    path = random.choice([_ACCOUNT, _ACCOUNT, _MODEL]) if way in ("swapped", "gone") else _ACCOUNT
    files = dict(net.files)
    told = way
    if way == "json":
        files[path], told = damage_json_text(random, files[path])
    elif way == "bytes":
        files[path], told = damage_bytes(random, files[path])
    elif way == "gone":
        del files[path]
    else:
        other = random.choice([each for each in nets() if each is not net])
        source = random.choice([path, _ACCOUNT, "parity.json", "model.weights.h5"])
        files[path], told = other.files[source], f"{source} of {other.name}"
    return Damage(files, f"{path}: {told}", False)


def verify(folder: str, net: Net) -> None:
    """Verifies a model; whatever passes has to give what the whole one gives."""
    import slimfix

    path = os.path.join(folder, _MODEL)
    checkpoint = net.arguments["checkpoint"]
    slimfix.verify_parity(path, checkpoint, levels="L2" if net.name == "micro" else "")
    _compare(path, net)


def verify_folder(folder: str, net: Net) -> None:
    """Verifies a folder that says itself where the network was."""
    import slimfix

    slimfix.verify_parity(folder)


def _compare(path: str, net: Net) -> None:
    found = _outputs(path)
    wanted = _outputs(f"{whole.HOME}/{net.name}/{_MODEL}")
    alike = [np.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(found, wanted)]
    if len(found) != len(wanted) or not all(alike):
        raise WrongValue("the model passed the proof and gives other outputs")


def _outputs(path: str) -> list[Any]:
    import keras

    model = keras.models.load_model(path, compile=False)
    shapes = [[3, *each.shape[1:]] for each in model.inputs]
    drawn = [np.random.default_rng(3).normal(size=shape).astype(np.float32) for shape in shapes]
    given = model(drawn[0] if len(drawn) == 1 else drawn)
    return [np.asarray(each) for each in (given if isinstance(given, list) else [given])]


FAMILIES = [
    Family("keras", 9, nets, damage_model, (Call("verify", verify),)),
    Family("migration.json", 4, nets, damage_folder, (Call("verify", verify_folder),)),
]
