"""The table of a run: families down, what became of their calls across."""

from __future__ import annotations

import collections
from typing import Iterable, Sequence

from tests.fuzz.outcome import GOOD, Column, Outcome


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Returns a line for each family, and one for all."""
    counts = collections.Counter((each.family, each.column) for each in outcomes)
    families = list(dict.fromkeys(each.family for each in outcomes))
    heads = [column.value for column in Column]
    lines = [f"{'':<20} {'files':>7} " + " ".join(f"{head:>13}" for head in heads)]
    for family in [*sorted(families), "all"]:
        these = [f for f in families if family in (f, "all")]
        files = len({each.index for each in outcomes if each.family in these})
        cells = [sum(counts[each, column] for each in these) for column in Column]
        lines.append(f"{family:<20} {files:>7} " + " ".join(f"{cell:>13}" for cell in cells))
    return "\n".join(lines)


def format_kinds(outcomes: Iterable[Outcome], seed: str) -> str:
    """Returns a line for each kind of fault: how many, where, and a case that shows it."""
    kinds: dict[tuple[str, str, str], list[Outcome]] = {}
    for each in outcomes:
        if each.column not in GOOD:
            kinds.setdefault((each.column.value, each.kind, each.family), []).append(each)
    lines = [
        f"{len(found):>5} {column}: {family}, {found[0].call}: {kind}; "
        f"--only={seed}:{found[0].index}"
        for (column, kind, family), found in sorted(kinds.items(), key=lambda item: -len(item[1]))
    ]
    return "\n".join(lines)
