"""What a run prints: a line a room, and every model that the proof is wrong about."""

from __future__ import annotations

import collections
from typing import Iterable, Sequence

from slimfix.parity import Level
from tests.mutants.search.trial import Outcome

_LINES = 3


def format_rooms(outcomes: Sequence[Outcome]) -> str:
    """Returns a table: how many mutants of each room there are, and what became of them."""
    lines = [f"{'edits':<12} {'mutants':>8} {'caught':>8} {'a level missed':>15} {'PASSED':>8}"]
    rooms = collections.defaultdict(list)
    for each in outcomes:
        if each.is_mutant:
            rooms[each.room].append(each)
    for room, mutants in sorted(rooms.items()):
        caught = sum(each.is_caught for each in mutants)
        passed = sum(each.passed for each in mutants)
        missed = len(mutants) - caught - passed
        lines.append(f"{room:<12} {len(mutants):>8} {caught:>8} {missed:>15} {passed:>8}")
    return "\n".join(lines)


def format_faults(outcomes: Iterable[Outcome], seed: str) -> str:
    """Returns, for each model that the proof is wrong about, what was done and how to remake it."""
    found = []
    for each in sorted(outcomes, key=lambda each: (each.room, each.edit, each.index)):
        for heading, lines in _faults(each):
            found.append(f"{heading}: {each.edit or 'right model'}: {each.text}")
            found += [f"    {line}" for line in lines[:_LINES]]
            found.append(f"    --only={seed}:{each.index}")
    return "\n".join(found)


def _faults(each: Outcome) -> Iterable[tuple[str, Sequence[str]]]:
    if each.crash:
        yield "CRASH", [each.crash]
    elif each.is_mutant and each.passed:
        yield "PASSED", [f"must be seen at {_text(each.must)}"]
    elif each.is_mutant and not each.is_caught:
        yield f"NOT SEEN AT {_text(each.must - each.seen)}", [f"seen at {_text(each.seen)}"]
    elif not each.is_mutant and not each.passed:
        yield f"FALSE ALARM AT {_text(each.seen)}", each.lines
    if each.false:
        yield "FALSE CAUSE", each.false


def format_score(outcomes: Sequence[Outcome]) -> str:
    """Returns the figures: the share caught, the false alarms, the share of true causes."""
    mutants = [each for each in outcomes if each.is_mutant]
    right = [each for each in outcomes if not each.is_mutant]
    failed = [each for each in mutants if not each.passed]
    caught = sum(each.is_caught for each in mutants)
    alarms = sum(not each.passed for each in right)
    given = sum(bool(each.causes) for each in failed)
    true = sum(not each.false for each in failed)
    return "\n".join(
        [
            f"{caught} of {len(mutants)} mutants caught at every level that should "
            f"({_share(caught, len(mutants))}); {len(mutants) - len(failed)} passed",
            f"{alarms} false alarms in {len(right)} right models",
            f"{true} of {len(failed)} likely causes true or absent ({_share(true, len(failed))}); "
            f"{given} given",
        ]
    )


def is_perfect(outcomes: Iterable[Outcome]) -> bool:
    """Tells whether the proof is wrong about none."""
    return not any(True for each in outcomes for _ in _faults(each))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.4g} %"


def _text(levels: Iterable[Level]) -> str:
    """Returns 'L0,2' for levels L0 and L2."""
    return "L" + ",".join(sorted(level.value[1:] for level in levels)) if levels else "none"
