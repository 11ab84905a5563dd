"""Mean and variance of a population that comes in batches, pooled exactly in float64."""

from __future__ import annotations

import dataclasses
from typing import Iterable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Moments:
    """The moments of some elements of each channel.

    Attributes:
      count: elements per channel, or the sum of their weights.
      mean: float64 [channels].
      deviation: float64 [channels], the sum of (element - mean)^2.
    """

    count: float
    mean: np.ndarray
    deviation: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """The population variance, divided by count and not by count - 1; float64 [channels]."""
        return self.deviation / self.count


def pool(parts: Iterable[Moments]) -> Moments:
    """Returns the moments of all elements together, whatever the sizes of the parts.

    The average of the parts' variances would leave out how far their means lie apart.

    Args:
      parts: at least one; none with a count of 0.
    Source: Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing
      sample variances, equations 1.5a and 1.5b.
    """
    first, *others = parts
    count, mean, deviation = first.count, first.mean, first.deviation
    for part in others:
        total = count + part.count
        apart = part.mean - mean
        mean = mean + apart * (part.count / total)
        deviation = deviation + part.deviation + apart**2 * (count * part.count / total)
        count = total
    return Moments(count, mean, deviation)
