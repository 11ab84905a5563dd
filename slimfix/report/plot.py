"""Draws the errors of a model's layers by depth, as an inline SVG that CSS colours."""

from __future__ import annotations

import html
import math
from typing import Sequence

from slimfix.parity.result import LayerParity, Verdict
from slimfix.report.axis import LogAxis, fit_axis
from slimfix.report.formats import format_count, format_error

# Attribute of LayerParity, CSS class, what the legend says.
SERIES = (
    ("function_error", "float64", "Keras in float64: the function"),
    ("original_error", "original", "original in float32"),
    ("keras_error", "keras", "Keras in float32"),
)
# One shape a series, so that the colours are not needed to tell them apart.
_SHAPES = {
    "float64": "M0 -5L5 0L0 5L-5 0Z",
    "original": "M-4 -4H4V4H-4Z",
    "keras": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
}
_WIDTH, _HEIGHT = 760, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 748, 12, 290


def plot_errors(layers: Sequence[LayerParity]) -> str:
    """Returns an SVG element: three errors of each layer over its place in data-flow order.

    It names no colour. The page styles the classes float64, original, keras, grid, first.
    """
    axis = _axis(layers)
    step = (_RIGHT - _LEFT) / max(1, len(layers))
    places = [_LEFT + (index + 0.5) * step for index in range(len(layers))]
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="plot-title plot-desc">',
        '<title id="plot-title">Error by depth</title>',
        f'<desc id="plot-desc">{html.escape(_describe(layers))}</desc>',
    ]
    for height, label in axis.ticks():
        parts.append(f'<path class="grid" d="M{_LEFT} {height:.1f}H{_RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{label}</text>')
    every = max(1, math.ceil(len(layers) / 12))
    for index in range(0, len(layers), every):
        parts.append(
            f'<text x="{places[index]:.1f}" y="{_BOTTOM + 20}" text-anchor="middle">'
            f"{index + 1}</text>"
        )
    parts.append(
        f'<text x="{(_LEFT + _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        "layer, in data-flow order</text>"
    )
    middle = (_TOP + _BOTTOM) / 2
    parts.append(
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle:.0f})">error (log scale)</text>'
    )
    parts += _first_difference(layers, places)
    for attribute, css, meaning in SERIES:
        parts += _series(layers, places, axis, attribute, css, meaning)
    return "\n".join([*parts, "</svg>"])


def plot_legend() -> str:
    """Returns an HTML list that tells the series apart; it wraps where the SVG would not."""
    items = [
        f'<li><svg class="key" viewBox="-7 -7 14 14" aria-hidden="true">'
        f'<path class="mark {css}" d="{_SHAPES[css]}"/></svg>{html.escape(meaning)}</li>'
        for _, css, meaning in SERIES
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def plot_remark(layers: Sequence[LayerParity]) -> str:
    """Returns a sentence on the values that a logarithmic axis cannot show; '' if there is none."""
    axis = _axis(layers)
    remarks = ["Errors of exactly 0 are drawn on the bottom line."] if axis.zero else []
    remarks += ["NaN and infinity are drawn on the top line."] if axis.beyond else []
    return " ".join(remarks)


def _axis(layers: Sequence[LayerParity]) -> LogAxis:
    errors = [getattr(row, attribute) for row in layers for attribute, _, _ in SERIES]
    return fit_axis(errors, bottom=_BOTTOM, top=_TOP)


def _series(
    layers: Sequence[LayerParity],
    places: Sequence[float],
    axis: LogAxis,
    attribute: str,
    css: str,
    meaning: str,
) -> list[str]:
    points: dict[float, float] = {
        place: axis.place(getattr(row, attribute)) for place, row in zip(places, layers)
    }
    path = "L".join(f"{place:.1f} {height:.1f}" for place, height in points.items())
    parts = [f'<path class="line {css}" d="M{path}"/>'] if points else []
    size = 1.0 if len(layers) <= 60 else 0.6
    for row, (place, height) in zip(layers, points.items()):
        tip = html.escape(f"{row.layer}: {meaning}: {format_error(getattr(row, attribute))}")
        parts.append(
            f'<path class="mark {css}" transform="translate({place:.1f} {height:.1f}) '
            f'scale({size})" d="{_SHAPES[css]}"><title>{tip}</title></path>'
        )
    return parts


def _first_difference(layers: Sequence[LayerParity], places: Sequence[float]) -> list[str]:
    for row, place in zip(layers, places):
        if row.verdict is Verdict.DIFFERENT:
            left = place > (_LEFT + _RIGHT) / 2
            return [
                f'<path class="first" d="M{place:.1f} {_TOP}V{_BOTTOM}"/>',
                f'<text class="first" x="{place + (-8 if left else 8):.1f}" y="{_BOTTOM - 10}" '
                f'text-anchor="{"end" if left else "start"}">first difference</text>',
            ]
    return []


def _describe(layers: Sequence[LayerParity]) -> str:
    largest = "; ".join(
        f"{meaning}: {format_error(_largest([getattr(row, attribute) for row in layers]))}"
        for attribute, _, meaning in SERIES
    )
    remark = plot_remark(layers)
    return f"{format_count(len(layers), 'layer')}. Largest errors: {largest}. {remark}".strip()


def _largest(errors: Sequence[float]) -> float:
    """NaN counts as larger than any number; `max` alone would lose it."""
    return max(errors, default=0.0, key=lambda error: error if math.isfinite(error) else math.inf)
