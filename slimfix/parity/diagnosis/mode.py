"""Guesses about layers that the model runs in training mode."""

from __future__ import annotations

from typing import Iterator

from slimfix.parity.diagnosis.hypothesis import Hypothesis, identity
from slimfix.parity.diagnosis.segment import Segment


def guess_dropout(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guess that a dropout is active: the model calls it with training=True."""
    step = segment.chain.steps[index]
    if step.kind.endswith("Dropout") or step.kind.startswith("Gaussian"):
        yield Hypothesis("dropout active in inference", {index: identity})
