"""The HTML report's section on what is not equal, and why."""

from __future__ import annotations

from slimfix.parity.result import ParityResult
from slimfix.parity.rows import Diagnosis
from slimfix.report.explanations import (
    describe_diagnosis,
    describe_silent,
    describe_trial,
    describe_unmatched,
    silent_layers,
)
from slimfix.report.formats import format_count
from slimfix.report.groups import NoteGroup, group_causes, group_reasons
from slimfix.report.markup import Cell, bullets, note, paragraphs, table

_HEADERS = ("Hypothesis", "Explains it", "Float64 error once mended")


def reasons(parity: ParityResult) -> str:
    """Returns what differs, what was tried, what fits, and what was not compared."""
    parts = [
        bullets((*parity.weights.different, *parity.settings.different)),
        _diagnosis(parity.diagnosis),
        *(
            _group("Moving statistics take other values", group, "moving statistic")
            for group in group_reasons(parity.statistics)
        ),
        *(_group("More float32 error", group, "layer") for group in group_causes(parity)),
        _unmatched(parity),
        _silent(parity),
    ]
    body = "\n".join(part for part in parts if part)
    return body or "<p>Nothing is different, and no layer rounds more than the original.</p>"


def note_group(group: NoteGroup, noun: str) -> str:
    """Returns a note and all that it is for."""
    where = f"In {format_count(len(group.scopes), noun)}: {', '.join(group.scopes)}"
    return note(group.note, where)


def _diagnosis(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None:
        return ""
    text = paragraphs(describe_diagnosis(diagnosis))
    rows = [
        [
            Cell(trial.hypothesis, css="long"),
            Cell("yes" if trial.fits else "no", css="good" if trial.fits else ""),
            Cell(describe_trial(trial), value=trial.error, css="number"),
        ]
        for trial in diagnosis.trials
    ]
    return text + (table("What was tried", _HEADERS, rows) if rows else "")


def _group(what: str, group: NoteGroup, noun: str) -> str:
    return note_group(NoteGroup(f"{what}: {group.note}.", group.scopes), noun)


def _unmatched(parity: ParityResult) -> str:
    text = describe_unmatched(parity)
    return note(f"{text}.", ", ".join(parity.unmatched)) if text else ""


def _silent(parity: ParityResult) -> str:
    text = describe_silent(parity)
    where = [f"{number} of {layer}" for layer, number in silent_layers(parity).items()]
    return note(f"{text}.", ", ".join(where)) if text else ""
