"""Checkpoints: `.index` and `.data` of version 2, the one file of version 1."""

from __future__ import annotations

from random import Random
from typing import Sequence

from tests.fuzz.case import Call, Damage, Family, Files, Net
from tests.fuzz.damage.raw import damage_bytes
from tests.fuzz.damage.tables import damage_index
from tests.fuzz.families import reading
from tests.fuzz.families.nets import DATA, INDEX, META, PREFIX, golden

_NETS = (
    "crossing/1.15.5",
    "crossing/2.21.0",
    "forms/partitioned",
    "forms/placeholder",
    "micro/rank4_scale",
    "micro/rank2_zero_debias",
)
# Files of other checkpoints, with variables of the same sizes and with others.
_OTHERS = ("micro/rank4_default", "micro/rank4_epsilon_1e5", "forms/variable", "crossing/1.15.5")


def nets() -> Sequence[Net]:
    return [golden(name) for name in _NETS]


def damage_checkpoint(random: Random, net: Net) -> Damage:
    """Damages the `.index` or the `.data` file."""
    files, story, seen = damage_files(random, net.files)
    return Damage(files, story, seen)


def damage_files(random: Random, files: Files) -> tuple[dict[str, bytes], str, bool]:
    """Returns the files of a checkpoint, damaged; how; and whether checksums show it."""
    changed = dict(files)
    path = random.choice([INDEX, DATA])
    way = random.choice(["bytes"] * 5 + ["crafted"] * 5 + ["swapped", "gone", "doubled", "shard"])
    if way == "crafted":
        changed[INDEX], told = damage_index(random, files[INDEX])
        return changed, f"{INDEX}, checksums right: {told}", False
    if way == "bytes":
        changed[path], told = damage_bytes(random, files[path])
        return changed, f"{path}: {told}", True
    if way == "gone":
        del changed[path]
        return changed, f"{path} is gone", True
    if way == "doubled":
        changed[path] = files[DATA if path == INDEX else INDEX]
        return changed, f"{path} is the other file", True
    if way == "shard":
        changed[DATA.replace("00001", "00002")] = files[DATA]
        return changed, f"{DATA} twice, as a shard of two", True
    other = random.choice(_OTHERS)
    changed[path] = golden(other).files[path]
    # Another's index over another's data is a checkpoint of its own if the checksums fit.
    return changed, f"{path} is that of {other}", path == DATA


def damage_version_1(random: Random, net: Net) -> Damage:
    """Damages a checkpoint of one file."""
    changed, told = damage_bytes(random, net.files[PREFIX])
    if random.random() < 0.05:
        changed, told = golden("micro/rank4_scale").files[INDEX], "is an .index"
        return Damage({**net.files, PREFIX: changed}, f"{PREFIX} {told}", False)
    return Damage({**net.files, PREFIX: changed}, f"{PREFIX}: {told}", True)


_CALLS = (
    Call("read", reading.read_variables, 12),
    Call("verify_checkpoint", reading.verify_checkpoint, 3, needs=META),
    Call("restore", reading.restore, 2, needs=META),
    Call("plan", reading.plan, 1, needs=META),
)

FAMILIES = [
    Family("checkpoint", 22, nets, damage_checkpoint, _CALLS),
    Family(
        "checkpoint, repaired",
        2,
        lambda: [golden("micro/rank4_scale"), golden("forms/placeholder")],
        damage_checkpoint,
        (Call("recalibrate", reading.recalibrate),),
    ),
    Family(
        "checkpoint V1",
        7,
        lambda: [golden("forms/version_1_checkpoint")],
        damage_version_1,
        _CALLS[:3],
    ),
]
