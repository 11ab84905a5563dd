"""What a family of files is: whole ones, ways to damage them, calls that read them."""

from __future__ import annotations

import dataclasses
import os
from random import Random
from typing import Any, Callable, Mapping, Sequence

Files = Mapping[str, bytes]


class WrongValue(Exception):
    """A call took a damaged file and gave something else than the whole one gives."""


@dataclasses.dataclass(frozen=True)
class Net:
    """The files of one network, whole.

    Attributes:
      name: e.g. 'micro/rank4_scale'.
      files: content by path below the folder of a case.
      arguments: what the calls have to know of it beside.
    """

    name: str
    files: Files
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Damage:
    """The files of a network, damaged.

    Attributes:
      files: content by path.
      story: what was done to them, a line.
      seen: whether a checksum or the format guarantees that the damage is seen where it matters: a
        value that differs from the whole file's is then wrong.
      names: texts of which a refusal has to hold one; () for the folder of the case, which begins
        the path of each of its files.
      inside: names that the damaged file holds. A file that is valid and says something else may
        be refused by naming one of them in quotes.
    """

    files: Files
    story: str
    seen: bool
    names: tuple[str, ...] = ()
    inside: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Call:
    """A public way to read the files.

    Attributes:
      name: for the table.
      run: gets the folder of the case and the network; returns what whole files give too, or None
        where there is nothing to compare. It raises WrongValue where it finds out itself.
      weight: how often it is drawn.
      needs: end of a path that the network must have.
    """

    name: str
    run: Callable[[str, Net], Any]
    weight: int = 1
    needs: str = ""


@dataclasses.dataclass(frozen=True)
class Family:
    """One kind of file.

    Attributes:
      name: for the table.
      weight: its share of all files.
      nets: gives the whole ones.
      damage: draws what is done to one.
      calls: of which one or two are drawn for a file.
    """

    name: str
    weight: int
    nets: Callable[[], Sequence[Net]]
    damage: Callable[[Random, Net], Damage]
    calls: Sequence[Call]


@dataclasses.dataclass(frozen=True)
class Case:
    """One damaged file, and what is called on it."""

    family: Family
    net: Net
    damage: Damage
    calls: Sequence[Call]


def draw_case(families: Sequence[Family], seed: str, index: int) -> Case:
    """Returns the case of an index: the same for the same seed."""
    random = Random(f"{seed}:{index}")
    family = random.choices(families, [family.weight for family in families])[0]
    net = random.choice(family.nets())
    damage = family.damage(random, net)
    fitting = [
        call for call in family.calls if any(path.endswith(call.needs) for path in net.files)
    ]
    calls = random.choices(fitting, [call.weight for call in fitting], k=2)
    return Case(family, net, damage, list(dict.fromkeys(calls)))


def write_files(files: Files, folder: str) -> None:
    """Writes files below a folder, which is made."""
    for path, content in files.items():
        whole = os.path.join(folder, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "wb") as file:
            file.write(content)


def read_files(folder: str, *paths: str) -> dict[str, bytes]:
    """Returns the content of files below a folder, of all in it if none is named."""
    if not paths:
        found = [os.path.join(home, name) for home, _, names in os.walk(folder) for name in names]
        paths = tuple(sorted(os.path.relpath(path, folder) for path in found))
    content = {}
    for path in paths:
        with open(os.path.join(folder, path), "rb") as file:
            content[path] = file.read()
    return content
