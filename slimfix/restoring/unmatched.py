"""A variable of a graph that a checkpoint does not give, and what may be the cause."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

from slimfix.checkpoint import VariableSpec
from slimfix.graphdef.stored import StoredVariable
from slimfix.names import Role

Specs = Mapping[str, VariableSpec]


@dataclasses.dataclass(frozen=True)
class Unmatched:
    """A variable of the graph that the checkpoint does not give.

    Attributes:
      variable: as the graph has it.
      key: the name that was looked for in the checkpoint.
      found: what is there under that name, of another shape or dtype; None where nothing is.
      role: of the variable.
    """

    variable: StoredVariable
    key: str
    found: VariableSpec | None
    role: Role

    def __str__(self) -> str:
        there = f"{self.found} in the checkpoint" if self.found else "not in the checkpoint"
        under = f" as '{self.key}'" if self.key != self.variable.name else ""
        return f"'{self.variable.name}': {self.variable} in the graph; {there}{under}"


@dataclasses.dataclass(frozen=True)
class Cause:
    """What may have gone wrong, the keys that it explains, and what to do.

    The texts end without a full stop: several are joined.
    """

    explains: frozenset[str]
    cause: str
    fix: str


def list_missing(unmatched: Sequence[Unmatched]) -> list[str]:
    """Returns the keys that the checkpoint does not hold at all."""
    return [each.key for each in unmatched if each.found is None]
