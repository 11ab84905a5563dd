"""What a proof compares, level by level, and the verdicts that it gives."""

from __future__ import annotations

import enum
from typing import Iterable


class Level(enum.Enum):
    """What a proof compares, each level more than the one before."""

    WEIGHTS = "L0"  # Weights bit by bit, settings, counts.
    INFERENCE = "L1"  # The output of every layer in inference mode.
    TRAINING = "L2"  # The same in training mode, and the moving statistics after one step.
    GRADIENTS = "L3"  # Of every trainable weight and every input.
    TRAJECTORY = "L4"  # Loss and weights over many steps of an optimizer.


class Verdict(enum.Enum):
    """How the Keras model's tensor relates to the original graph's.

    The order is from best to worst. The function is the same or not by float64; float32 only
    tells how much rounding error each side adds.
    """

    IDENTICAL = "identical"  # Same function, and float32 values equal to the bit.
    EQUIVALENT = "equivalent"  # Same function, float32 error like the original's own.
    DEGRADED = "degraded"  # Same function, with more float32 error than the original.
    EXPLAINED = "explained"  # Other values for one stated reason; equal once it is taken out.
    DIFFERENT = "different"  # Another function.

    @classmethod
    def worst(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """Returns the worst of some verdicts; IDENTICAL where there is none."""
        return max(verdicts, key=lambda verdict: verdict.rank, default=cls.IDENTICAL)

    @property
    def rank(self) -> int:
        """The place from best to worst; 0 is the best."""
        return list(Verdict).index(self)
