"""Errors over layers or steps, as plot.html draws them."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Iterator, Sequence

from slimfix.report.axis import LogAxis, fit_axis
from slimfix.report.formats import format_error

_TICKS = 12


@dataclasses.dataclass(frozen=True)
class Series:
    """One line of a plot.

    Attributes:
      css: class: float64, original or keras.
      meaning: what the legend says.
      errors: one a place.
    """

    css: str
    meaning: str
    errors: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Plot:
    """Errors on a logarithmic axis, over places in their order.

    Attributes:
      name: prefix of the ids in the page.
      title: what is drawn.
      caption: how it was measured.
      across: what the horizontal axis says.
      places: name of each place.
      ticks: what the horizontal axis says at each place, where there is room.
      series: what is drawn over them.
      first: index of the first place that is different, or None.
      noted: what the places are, with their number: '53 layers'.
    """

    name: str
    title: str
    caption: str
    across: str
    places: tuple[str, ...]
    ticks: tuple[str, ...]
    series: tuple[Series, ...]
    first: int | None
    noted: str

    # Of the drawing, and of the axes in it.
    WIDTH: ClassVar[int] = 760
    HEIGHT: ClassVar[int] = 340
    LEFT: ClassVar[int] = 76
    RIGHT: ClassVar[int] = 748
    TOP: ClassVar[int] = 12
    BOTTOM: ClassVar[int] = 290

    @property
    def axis(self) -> LogAxis:
        """The vertical axis, with a place for every error."""
        errors = [error for series in self.series for error in series.errors]
        return fit_axis(errors, bottom=self.BOTTOM, top=self.TOP)

    @property
    def at(self) -> list[float]:
        """How far right each place is drawn."""
        step = (self.RIGHT - self.LEFT) / max(1, len(self.places))
        return [self.LEFT + (index + 0.5) * step for index in range(len(self.places))]

    @property
    def ticks_shown(self) -> list[tuple[float, str]]:
        """How far right a tick is drawn, and what it says."""
        every = max(1, math.ceil(len(self.places) / _TICKS))
        return list(zip(self.at, self.ticks))[::every]

    def marks(self, series: Series) -> Iterator[tuple[float, float, str, float]]:
        """Yields how far right and how far down a mark is drawn, its place and its error."""
        axis = self.axis
        for x, name, error in zip(self.at, self.places, series.errors):
            yield x, axis.place(error), name, error

    @property
    def remark(self) -> str:
        """A sentence on the values that a logarithmic axis cannot show; '' if there is none."""
        axis = self.axis
        remarks = ["Errors of exactly 0 are drawn on the bottom line."] if axis.zero else []
        remarks += ["NaN and infinity are drawn on the top line."] if axis.beyond else []
        return " ".join(remarks)

    @property
    def description(self) -> str:
        """The plot in words."""
        largest = "; ".join(
            f"{series.meaning}: {format_error(_largest(series.errors))}" for series in self.series
        )
        return f"{self.noted}. Largest errors: {largest}. {self.remark}".strip()


def _largest(errors: Sequence[float]) -> float:
    """NaN counts as larger than any number; `max` alone would lose it."""
    return max(errors, default=0.0, key=lambda error: error if math.isfinite(error) else math.inf)
