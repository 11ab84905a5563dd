"""Verifies a case, and tells whether the proof says what is so."""

from __future__ import annotations

import dataclasses
import re
from typing import Iterator

from slimfix.errors import ParityError, UsageError
from slimfix.migration.eager import run_eagerly
from slimfix.parity import Level, ParityResult, diff_parity
from tests.mutants.search.cases import PER_NET, Case, Subject, draw_case, open_subject
from tests.mutants.search.sketch import build

_STEPS = 3


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
      index: of the case.
      edit: name of the edit; '' of a right model.
      room: the edit's kind.
      text: what was done, and in which forms it is written.
      must: the levels that must see it.
      seen: those that saw it.
      lines: what the proof said of it.
      causes: the likely causes that it gave.
      false: those of them that are not true.
      crash: an error that no user should see; '' for none.
    """

    index: int
    edit: str
    room: str
    text: str
    must: frozenset[Level]
    seen: frozenset[Level] = frozenset()
    lines: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    crash: str = ""

    @property
    def is_mutant(self) -> bool:
        """Whether the model is wrong."""
        return bool(self.edit)

    @property
    def passed(self) -> bool:
        """Whether the proof calls the model right."""
        return not self.seen and not self.crash

    @property
    def is_caught(self) -> bool:
        """Whether every level sees it that must."""
        return self.must <= self.seen and not self.crash


def run_net(seed: str, number: int, only: int | None = None) -> list[Outcome]:
    """Returns the outcomes of one network: of all its cases, or of the one of an index."""
    first = number * PER_NET
    indexes = range(first, first + PER_NET) if only is None else [only]
    outcomes: list[Outcome] = run_eagerly(_run, seed, number, indexes)
    return outcomes


def _run(seed: str, number: int, indexes: range | list[int]) -> list[Outcome]:
    with open_subject(seed, number) as subject:
        return [try_case(subject, draw_case(subject, seed, index), index) for index in indexes]


def try_case(subject: Subject, case: Case, index: int) -> Outcome:
    """Returns what becomes of one case."""
    edit = case.edit
    text = case.change.text if case.change else "right"
    written = f" [{', '.join(case.forms)}]" if case.forms else ""
    kind = (edit.name, edit.room) if edit else ("", "")
    outcome = Outcome(index, *kind, text + written, case.must)
    model = build(case.sketch)
    try:
        result = diff_parity(model, subject.net.migration, None, case.levels, steps=_STEPS)
    except (ParityError, UsageError) as error:  # It does not even take and give what it should.
        return dataclasses.replace(outcome, seen=case.levels, lines=(str(error),))
    except Exception as error:  # Whatever it is, a user would see it.
        return dataclasses.replace(outcome, crash=f"{type(error).__name__}: {error}")
    return _judged(outcome, case, result)


def _judged(outcome: Outcome, case: Case, result: ParityResult) -> Outcome:
    seen = frozenset(level.level for level in result.levels if not level.passed)
    if Level.WEIGHTS in seen:  # What did not run for that reason need not have seen it.
        seen |= case.must - {level.level for level in result.levels}
    diagnosis = result.diagnosis
    causes = tuple(trial.hypothesis for trial in diagnosis.fitting) if diagnosis else ()
    patterns = case.change.causes if case.change else ()
    return dataclasses.replace(
        outcome,
        seen=seen,
        lines=(*result.unequal, *_rows(result)),
        causes=causes,
        false=tuple(c for c in causes if not any(re.search(each, c) for each in patterns)),
    )


def _rows(result: ParityResult) -> Iterator[str]:
    row = result.first_difference
    if row is not None:
        yield f"'{row.layer}' {row.tensor}: off by {row.function_error:.1e} {row.cause}".rstrip()
    for statistic in result.statistics:
        if statistic.verdict.value == "different":
            yield f"{statistic.variable} after a step: off by {statistic.unexplained_error}"
