"""Guesses about layers that the model runs in training mode."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from slimfix.parity.diagnosis.chain import Step
from slimfix.parity.diagnosis.hypothesis import Hypothesis, identity
from slimfix.parity.diagnosis.segment import Segment


def is_random(step: Step) -> bool:
    """Tells whether a step draws in training, and hands on what it is given in inference."""
    return step.kind.endswith("Dropout") or step.kind.startswith("Gaussian")


def guess_dropout(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guess that a dropout is active, if it is, as one called with training=True."""
    step = segment.chain.steps[index]
    if not is_random(step):
        return
    (values,) = segment.chain.inputs(index)
    if not np.array_equal(step.call(values), values):
        what = "dropout" if step.kind.endswith("Dropout") else "noise"
        yield Hypothesis(f"{what} active in inference", {index: identity})
