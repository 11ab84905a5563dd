"""Finds steps in a row that differ by a number in their names alone."""

from __future__ import annotations

import dataclasses
import re
from typing import Sequence, Union

from slimfix.source.steps import Step

_FEWEST = 3  # Two lines are not longer than a loop.


@dataclasses.dataclass(frozen=True)
class Loop:
    """Steps of which each takes what the one before gives.

    Attributes:
      steps: all of them.
      before: what stands before the number in their names.
      after: what stands after it.
      start: the first number; the others follow one by one.
    """

    steps: tuple[Step, ...]
    before: str
    after: str
    start: int


Statement = Union[Step, Loop]


def find_loops(steps: Sequence[Step], kept: Sequence[str]) -> list[Statement]:
    """Returns the steps, with each run of three or more that a loop can say as a `Loop`.

    Args:
      steps: of one body, in order.
      kept: tensors that something outside the body needs.
    """
    reads: dict[str, int] = dict.fromkeys(kept, 1)
    for step in steps:
        for tensor in step.inputs:
            reads[tensor] = reads.get(tensor, 0) + 1
    statements: list[Statement] = []
    at = 0
    while at < len(steps):
        loop = _longest(steps, at, reads)
        statements.append(loop or steps[at])
        at += len(loop.steps) if loop else 1
    return statements


def _longest(steps: Sequence[Step], at: int, reads: dict[str, int]) -> Loop | None:
    found: Loop | None = None
    end = at + 1
    while end < len(steps) and _follows(steps[end - 1], steps[end], reads):
        end += 1
        if end - at >= _FEWEST:
            longer = _numbered(steps[at:end])
            if longer is None:
                break
            found = longer
    return found


def _follows(before: Step, step: Step, reads: dict[str, int]) -> bool:
    return (
        step.callee == before.callee
        and step.arguments == before.arguments
        and step.section == before.section
        and len(before.inputs) == 1
        and len(before.outputs) == 1
        and step.inputs == before.outputs
        and reads[before.outputs[0]] == 1
        and not (step.shared or before.shared)
        and bool(step.name)
    )


def _numbered(steps: Sequence[Step]) -> Loop | None:
    """Returns the loop if one number in the names counts up by one, and nothing else changes."""
    parts = [re.split(r"(\d+)", step.name) for step in steps]
    first = parts[0]
    changed = [
        i
        for i in range(1, len(first), 2)
        if any(len(other) == len(first) and other[i] != first[i] for other in parts)
    ]
    if len(changed) != 1:
        return None
    field = changed[0]
    start = int(first[field])
    for number, own in enumerate(parts, start):
        if own != [*first[:field], str(number), *first[field + 1 :]]:
            return None
    return Loop(tuple(steps), "".join(first[:field]), "".join(first[field + 1 :]), start)
