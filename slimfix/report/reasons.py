"""The terminal report's sections on what is not equal, and why."""

from __future__ import annotations

from typing import Iterable, Sequence

from slimfix.errors import count
from slimfix.parity.result import ParityResult
from slimfix.parity.rows import Diagnosis
from slimfix.report.explanations import (
    describe_diagnosis,
    describe_silent,
    describe_trial,
    describe_unmatched,
    silent_layers,
)
from slimfix.report.groups import NoteGroup, group_causes, group_reasons
from slimfix.report.text import wrap

_NAMES_SHOWN = 6
_TRIAL = len("does not apply")


def group_lines(groups: Iterable[NoteGroup], noun: str) -> list[str]:
    """Returns each note, and below it how many of what it is for, and the first of their names."""
    lines = []
    for group in groups:
        lines += wrap(group.note)
        names = _names([f"'{scope}'" for scope in group.scopes])
        lines += _below(f"in {count(len(group.scopes), noun)}: {names}")
    return lines


def likely_cause(diagnosis: Diagnosis | None) -> list[str]:
    """Returns what explains the first difference, and the error with each hypothesis mended."""
    if diagnosis is None:
        return []
    lines = [line for text in describe_diagnosis(diagnosis) for line in wrap(text)]
    for trial in diagnosis.trials:
        mark = "fits" if trial.fits else "    "
        start = f"    {mark}  {describe_trial(trial):>{_TRIAL}}  "
        lines += wrap(trial.hypothesis, start, " " * len(start))
    return lines


def degraded(parity: ParityResult) -> list[str]:
    """Returns why some layers carry fewer digits than they did."""
    return group_lines(group_causes(parity), "layer")


def statistics(parity: ParityResult) -> list[str]:
    """Returns each reason that moving statistics state, and which ones do."""
    return group_lines(group_reasons(parity.statistics), "moving statistic")


def not_compared(parity: ParityResult) -> list[str]:
    """Returns what has no counterpart, or no values to compare."""
    lines = []
    if parity.unmatched:
        lines += wrap(describe_unmatched(parity))
        lines += _below(_names([f"'{tensor}'" for tensor in parity.unmatched]))
    silent = silent_layers(parity)
    if silent:
        lines += wrap(describe_silent(parity))
        lines += _below(_names([f"{number} of '{layer}'" for layer, number in silent.items()]))
    return lines


def _names(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _below(text: str) -> list[str]:
    return wrap(text, "    ", "      ")
