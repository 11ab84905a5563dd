"""One guess at what is wrong with a layer, and how it is put to the test."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterable, Mapping, Sequence

from slimfix.parity.compare import SAME_FUNCTION
from slimfix.parity.diagnosis.chain import Repair
from slimfix.parity.diagnosis.segment import Segment
from slimfix.parity.rows import Trial


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """A guess at what is wrong.

    Attributes:
      text: what Keras has, and what it has it in place of.
      repairs: by position of a step, what the guess puts in its place.
      known: by id, what the guess puts in the place of inputs of the model; empty for nothing.
    """

    text: str
    repairs: Mapping[int, Repair]
    known: Mapping[int, Any] = dataclasses.field(default_factory=dict)


# Gives the guesses that can be made about one step, by its position.
Guesses = Callable[[Segment, int], Iterable[Hypothesis]]


def try_out(segment: Segment, hypothesis: Hypothesis) -> Trial:
    """Returns how far the model is off if the guess is right.

    A guess that cannot be computed, as where shapes do not fit together, does not apply: the proof
    has failed already, and must end in its result and not in an error of the diagnosis.
    """
    try:
        error = segment.error(hypothesis.repairs, hypothesis.known)
    except Exception:  # Each backend of Keras refuses with errors of its own.
        error = float("inf")
    return Trial(hypothesis.text, error, error <= SAME_FUNCTION)


def best_of(segment: Segment, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Returns the best of many alike guesses, which says of how many it is; [] of none.

    One sample chooses: there may be fifty paddings, of a convolution of large images.
    """
    if not hypotheses:
        return []
    one = segment.of_samples(1)
    found = min(hypotheses, key=lambda each: try_out(one, each).error)
    if len(hypotheses) == 1 or try_out(segment, found).fits:
        return [found]
    text = f"{found.text} (the best of {len(hypotheses)} tried)"
    return [dataclasses.replace(found, text=text)]


def identity(value: Any) -> Any:
    """Returns what it is given: the repair of a step that is one too many."""
    return value
