"""Draws errors over layers or steps as an inline SVG that CSS colours."""

from __future__ import annotations

import dataclasses
import html
import math
from typing import Sequence

from slimfix.report.axis import LogAxis, fit_axis
from slimfix.report.formats import format_error

# One shape a series, so that the colours are not needed to tell them apart.
_SHAPES = {
    "float64": "M0 -5L5 0L0 5L-5 0Z",
    "original": "M-4 -4H4V4H-4Z",
    "keras": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
}
_WIDTH, _HEIGHT = 760, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 748, 12, 290


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
      across: what the horizontal axis says.
      places: name of each place.
      ticks: what the horizontal axis says at each place, where there is room.
      series: what is drawn over them.
      first: index of the first place that is different, or None.
      noted: what the places are, with their number: '53 layers'.
    """

    name: str
    title: str
    across: str
    places: tuple[str, ...]
    ticks: tuple[str, ...]
    series: tuple[Series, ...]
    first: int | None
    noted: str


def draw_plot(plot: Plot) -> str:
    """Returns an SVG element.

    It names no colour. The page styles the classes float64, original, keras, grid, first.
    """
    axis = _axis(plot)
    step = (_RIGHT - _LEFT) / max(1, len(plot.places))
    at = [_LEFT + (index + 0.5) * step for index in range(len(plot.places))]
    ids = f"{plot.name}-title", f"{plot.name}-desc"
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{" ".join(ids)}">',
        f'<title id="{ids[0]}">{html.escape(plot.title)}</title>',
        f'<desc id="{ids[1]}">{html.escape(_describe(plot))}</desc>',
        *_frame(plot, axis, at),
    ]
    if plot.first is not None:
        parts += _first_difference(at[plot.first])
    for series in plot.series:
        parts += _series(plot, series, at, axis)
    return "\n".join([*parts, "</svg>"])


def plot_legend(plot: Plot) -> str:
    """Returns an HTML list that tells the series apart; it wraps where the SVG would not."""
    items = [
        f'<li><svg class="key" viewBox="-7 -7 14 14" aria-hidden="true">'
        f'<path class="mark {series.css}" d="{_SHAPES[series.css]}"/></svg>'
        f"{html.escape(series.meaning)}</li>"
        for series in plot.series
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def plot_remark(plot: Plot) -> str:
    """Returns a sentence on the values that a logarithmic axis cannot show; '' if there is none."""
    axis = _axis(plot)
    remarks = ["Errors of exactly 0 are drawn on the bottom line."] if axis.zero else []
    remarks += ["NaN and infinity are drawn on the top line."] if axis.beyond else []
    return " ".join(remarks)


def _axis(plot: Plot) -> LogAxis:
    errors = [error for series in plot.series for error in series.errors]
    return fit_axis(errors, bottom=_BOTTOM, top=_TOP)


def _frame(plot: Plot, axis: LogAxis, at: Sequence[float]) -> list[str]:
    parts = []
    for height, label in axis.ticks():
        parts.append(f'<path class="grid" d="M{_LEFT} {height:.1f}H{_RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{label}</text>')
    every = max(1, math.ceil(len(at) / 12))
    for place, tick in list(zip(at, plot.ticks))[::every]:
        parts.append(
            f'<text x="{place:.1f}" y="{_BOTTOM + 20}" text-anchor="middle">'
            f"{html.escape(tick)}</text>"
        )
    parts.append(
        f'<text x="{(_LEFT + _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{html.escape(plot.across)}</text>"
    )
    middle = (_TOP + _BOTTOM) / 2
    parts.append(
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle:.0f})">error (log scale)</text>'
    )
    return parts


def _series(plot: Plot, series: Series, at: Sequence[float], axis: LogAxis) -> list[str]:
    points = [(place, axis.place(error)) for place, error in zip(at, series.errors)]
    path = "L".join(f"{place:.1f} {height:.1f}" for place, height in points)
    parts = [f'<path class="line {series.css}" d="M{path}"/>'] if points else []
    size = 1.0 if len(points) <= 60 else 0.6
    for name, error, (place, height) in zip(plot.places, series.errors, points):
        tip = html.escape(f"{name}: {series.meaning}: {format_error(error)}")
        parts.append(
            f'<path class="mark {series.css}" transform="translate({place:.1f} {height:.1f}) '
            f'scale({size})" d="{_SHAPES[series.css]}"><title>{tip}</title></path>'
        )
    return parts


def _first_difference(place: float) -> list[str]:
    left = place > (_LEFT + _RIGHT) / 2
    return [
        f'<path class="first" d="M{place:.1f} {_TOP}V{_BOTTOM}"/>',
        f'<text class="first" x="{place + (-8 if left else 8):.1f}" y="{_BOTTOM - 10}" '
        f'text-anchor="{"end" if left else "start"}">first difference</text>',
    ]


def _describe(plot: Plot) -> str:
    largest = "; ".join(
        f"{series.meaning}: {format_error(_largest(series.errors))}" for series in plot.series
    )
    return f"{plot.noted}. Largest errors: {largest}. {plot_remark(plot)}".strip()


def _largest(errors: Sequence[float]) -> float:
    """NaN counts as larger than any number; `max` alone would lose it."""
    return max(errors, default=0.0, key=lambda error: error if math.isfinite(error) else math.inf)
