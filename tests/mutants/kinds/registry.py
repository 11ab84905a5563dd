"""The registry of mutations: how a migration goes wrong, and which levels must see it."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

from slimfix.parity.verdicts import Level
from tests.mutants.nets import Net

Mutate = Callable[[Net], Any]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to be wrong.

    Attributes:
      name: of the function that does it.
      room: of the module it is in.
      levels: each of them must see it, whatever the others see.
      mutate: gives the wrong Keras model of a net; None where the net has nothing to do it to.
    """

    name: str
    room: str
    levels: frozenset[Level]
    mutate: Mutate


KINDS: dict[str, Kind] = {}


def kind(*levels: Level) -> Callable[[Mutate], Mutate]:
    """Registers a mutation that these levels must see."""

    def register(mutate: Mutate) -> Mutate:
        name = mutate.__name__
        if name in KINDS or not levels:
            raise ValueError(f"mutation '{name}' is registered already, or no level is to see it")
        room = mutate.__module__.rpartition(".")[2]
        KINDS[name] = Kind(name, room, frozenset(levels), mutate)
        return mutate

    return register
