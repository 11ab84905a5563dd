"""Puts variables and notes into groups, the same for every face of the report."""

from __future__ import annotations

import dataclasses
from typing import Iterable, Mapping, Sequence

from slimfix.migration.account import VariableFate
from slimfix.parity.result import ParityResult
from slimfix.parity.rows import StatisticParity
from slimfix.parity.verdicts import Verdict

_UNKNOWN = "the cause is not known"


@dataclasses.dataclass(frozen=True)
class Account:
    """The checkpoint's variables by fate; the three groups together are all of them.

    Attributes:
      migrated: some Keras weight holds the values.
      left_out: by reason, in the order in which the reasons first occur.
      lost: neither migrated nor left out for a reason.
    """

    migrated: tuple[VariableFate, ...]
    left_out: Mapping[str, tuple[VariableFate, ...]]
    lost: tuple[VariableFate, ...]

    @property
    def left_out_count(self) -> int:
        """The number of variables that were left out, over all reasons."""
        return sum(len(fates) for fates in self.left_out.values())

    @property
    def total(self) -> int:
        """The number of variables in all groups."""
        return len(self.migrated) + self.left_out_count + len(self.lost)


@dataclasses.dataclass(frozen=True)
class NoteGroup:
    """One note and every scope, layer or variable that it was made for, in data-flow order."""

    note: str
    scopes: tuple[str, ...]


def fate_word(fate: VariableFate) -> str:
    """Returns 'migrated', 'left out' or 'lost'."""
    if fate.migrated:
        return "migrated"
    return "left out" if fate.reason else "lost"


def group_variables(variables: Sequence[VariableFate]) -> Account:
    """Returns the variables by fate, those left out by reason."""
    by_word: dict[str, list[VariableFate]] = {"migrated": [], "left out": [], "lost": []}
    for fate in variables:
        by_word[fate_word(fate)].append(fate)
    left_out: dict[str, tuple[VariableFate, ...]] = {}
    for fate in by_word["left out"]:
        left_out[fate.reason] = (*left_out.get(fate.reason, ()), fate)
    return Account(tuple(by_word["migrated"]), left_out, tuple(by_word["lost"]))


def group_notes(notes: Sequence[str]) -> tuple[NoteGroup, ...]:
    """Returns each note once, with its scopes, in the order in which the notes first occur.

    A quoted name below the note's own scope reads '<scope>/...' where several scopes share the
    note, so that notes that differ by that name alone are one note.

    Args:
      notes: 'scope: note' lines.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for line in notes:
        scope, _, note = line.partition(": ")
        groups.setdefault(note.replace(f"'{scope}/", "'<scope>/"), []).append((scope, note))
    return tuple(
        NoteGroup(
            shared if len(members) > 1 else members[0][1], tuple(scope for scope, _ in members)
        )
        for shared, members in groups.items()
    )


def group_reasons(statistics: Iterable[StatisticParity]) -> tuple[NoteGroup, ...]:
    """Returns each reason that moving statistics state, once, with the variables it is for."""
    return _group((row.reason, row.variable) for row in statistics if row.reason)


def group_causes(parity: ParityResult) -> tuple[NoteGroup, ...]:
    """Returns each cause of degraded rows once, with their layers; level by level."""
    rows = (*parity.layers, *(parity.training or ()), *(parity.gradients or ()))
    return _group(
        (row.cause or _UNKNOWN, row.layer) for row in rows if row.verdict is Verdict.DEGRADED
    )


def _group(pairs: Iterable[tuple[str, str]]) -> tuple[NoteGroup, ...]:
    groups: dict[str, dict[str, None]] = {}
    for note, name in pairs:
        groups.setdefault(note, {})[name] = None
    return tuple(NoteGroup(note, tuple(names)) for note, names in groups.items())
