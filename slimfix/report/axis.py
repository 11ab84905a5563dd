"""A logarithmic axis that also has a place for zero, NaN and infinity."""

from __future__ import annotations

import dataclasses
import math
from typing import Sequence

_MOST_DECADES = 9


@dataclasses.dataclass(frozen=True)
class LogAxis:
    """Whole decades from `low` to `high`, with room for what has no logarithm.

    Attributes:
      low, high: exponents of ten, low < high.
      zero: whether there is a line for zero, one decade below `low`.
      beyond: whether there is a line for NaN and infinity, one decade above `high`.
      bottom, top: heights of the ends in the drawing; SVG counts downwards.
    """

    low: int
    high: int
    zero: bool
    beyond: bool
    bottom: float
    top: float

    def place(self, error: float) -> float:
        """Returns the height of an error in the drawing."""
        first, last = self.low - int(self.zero), self.high + int(self.beyond)
        if not math.isfinite(error):
            exponent = float(last)
        else:
            exponent = math.log10(error) if error > 0 else float(first)
        return self.bottom - (exponent - first) / (last - first) * (self.bottom - self.top)

    def ticks(self) -> list[tuple[float, str]]:
        """Returns (height, label) of each grid line, from the bottom up."""
        step = max(1, math.ceil((self.high - self.low) / _MOST_DECADES))
        powers = range(self.low, self.high + 1, step)
        marks = [(self.place(0.0), "0")] if self.zero else []
        marks += [(self.place(10.0**power), f"1e{power}") for power in powers]
        return marks + ([(self.place(math.inf), "not finite")] if self.beyond else [])


def fit_axis(errors: Sequence[float], bottom: float, top: float) -> LogAxis:
    """Returns the smallest axis of whole decades that has a place for every error.

    Args:
      errors: zero or more, NaN, or infinity.
      bottom, top: heights of the axis's ends in the drawing.
    """
    logs = [math.log10(error) for error in errors if error > 0 and math.isfinite(error)] or [-9.0]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    beyond = any(not math.isfinite(error) for error in errors)
    return LogAxis(low, max(high, low + 1), 0 in errors, beyond, bottom, top)
