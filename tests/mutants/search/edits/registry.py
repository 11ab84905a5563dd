"""The registry of edits: each makes a model wrong, and knows at which levels that must be seen."""

from __future__ import annotations

import dataclasses
import random
from typing import Any, Callable, Sequence, TypeVar

from slimfix.parity.verdicts import Level
from tests.mutants.search.sketch import Node, Sketch

L0, L2 = Level.WEIGHTS, Level.TRAINING
L3, L4 = Level.GRADIENTS, Level.TRAJECTORY

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Change:
    """A wrong model.

    Attributes:
      sketch: of it.
      text: what was done, in one line.
      causes: regular expressions; a likely cause that none of them is found in is not true.
      levels: beside L0 those that must see it. L1 must wherever usual inputs show it.
      shows: whether inference is another function, on some inputs at least.
    """

    sketch: Sketch
    text: str
    causes: tuple[str, ...]
    levels: frozenset[Level] = frozenset()
    shows: bool = True


@dataclasses.dataclass(frozen=True)
class Scene:
    """What an edit is drawn from.

    Attributes:
      sketch: the right model.
      draw: the source of all that is drawn.
      trains: whether the graph moves the statistics of its batch norms.
    """

    sketch: Sketch
    draw: random.Random
    trains: bool

    def one_of(self, choices: Sequence[T]) -> T:
        """Returns one of some. Raises DoesNotApply where there is none."""
        if not choices:
            raise DoesNotApply
        return self.draw.choice(choices)

    def node(self, *kinds: str) -> Node:
        """Returns a node of these kinds; any where none is given. Raises likewise."""
        return self.one_of(self.sketch.of(*kinds))

    def tensor(self, rank: int | None = None) -> str:
        """Returns a tensor of floating-point numbers. Raises likewise."""
        return self.one_of(
            [
                name
                for name, tensor in self.sketch.tensors.items()
                if tensor.dtype.startswith("float") and rank in (None, len(tensor.shape))
            ]
        )


class DoesNotApply(Exception):
    """The model has nothing to do it to."""


Make = Callable[[Scene], Change]


@dataclasses.dataclass(frozen=True)
class Edit:
    """One kind of edit.

    Attributes:
      name: of the function that does it.
      room: of the module it is in, a kind of cause.
      make: draws a change. Raises DoesNotApply.
    """

    name: str
    room: str
    make: Make


EDITS: dict[str, Edit] = {}


def edit(make: Make) -> Make:
    """Registers an edit."""
    register_all(make.__module__.rpartition(".")[2], {make.__name__: make})
    return make


def register_all(room: str, makes: dict[str, Make]) -> None:
    """Registers edits that are made from a table."""
    for name, make in makes.items():
        if name in EDITS:
            raise ValueError(f"edit '{name}' is registered already")
        EDITS[name] = Edit(name, room, make)


def quoted(*nodes: Any) -> str:
    """Returns a regular expression of the quoted name of any of some nodes."""
    import re

    return "'(" + "|".join(re.escape(node.name) for node in nodes) + ")'"
