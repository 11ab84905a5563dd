"""Guesses about the values of a layer's weights: those of another variable, or just other ones."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from slimfix.parity.diagnosis.chain import repaired
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.origin import Origins, read_weights
from slimfix.parity.diagnosis.segment import Segment


def guess_origin(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields, for each weight that holds another variable's bits, that its own would fit."""
    for name, clause in _clauses(segment, index).items():
        if clause.startswith("holds "):
            yield _with_own(segment, index, {name: clause})


def guess_values(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guess that the checkpoint's values would fit: one weight's, then all."""
    clauses = _clauses(segment, index)
    for name, clause in clauses.items():
        yield _with_own(segment, index, {name: clause})
    if len(clauses) > 1:
        yield _with_own(segment, index, clauses)


def _clauses(segment: Segment, index: int) -> dict[str, str]:
    step = segment.chain.steps[index]
    record = segment.record(step)
    if record is None or not record.weights:
        return {}
    migration = segment.migration
    origins = Origins(migration.plan, migration.read, migration.checkpoint)
    return origins.say(read_weights(step.operation, record), record)


def _with_own(segment: Segment, index: int, clauses: dict[str, str]) -> Hypothesis:
    step = segment.chain.steps[index]
    values: dict[str, np.ndarray] = {
        name: value for name, value in segment.variables(step).items() if name in clauses
    }
    text = "; ".join(f"{name} {clause}" for name, clause in clauses.items())
    return Hypothesis(text, {index: repaired(step.operation, weights=values)})
