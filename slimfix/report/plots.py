"""What the plots of the HTML report show: errors by depth, and by optimizer step."""

from __future__ import annotations

from typing import Sequence

from slimfix.parity.rows import LayerParity, StepParity, TrajectoryParity
from slimfix.parity.verdicts import Verdict
from slimfix.report.formats import format_count
from slimfix.report.markup import plot_figure
from slimfix.report.plot import Plot, Series, draw_plot, plot_legend, plot_remark

_MEANINGS = (
    ("float64", "Keras in float64: the function"),
    ("original", "original in float32"),
    ("keras", "Keras in float32"),
)
_LAYER_ERRORS = (
    "Largest absolute difference to the float64 original, each channel measured against its own "
    "largest value there; no unit. The table below holds the same numbers."
)
_STEP_ERRORS = (
    "Difference to the float64 original, relative to it; of the weights, the worst channel of all."
)


def plot_layers(layers: Sequence[LayerParity], name: str, title: str) -> Plot:
    """Returns the plot of three errors of each layer over its place in data-flow order."""
    errors = zip(*((row.function_error, row.original_error, row.keras_error) for row in layers))
    return Plot(
        name=name,
        title=title,
        across="layer, in data-flow order",
        places=tuple(row.layer for row in layers),
        ticks=tuple(str(number) for number, _ in enumerate(layers, 1)),
        series=_series(list(errors)),
        first=_first([row.verdict for row in layers]),
        noted=format_count(len(layers), "layer"),
    )


def plot_losses(trajectory: TrajectoryParity) -> Plot:
    """Returns the plot of the loss's three errors by step."""
    steps = trajectory.steps
    errors = [step.loss_errors for step in steps]
    return _plot_steps(steps, "loss", "Error of the loss by step", errors)


def plot_weights(trajectory: TrajectoryParity) -> Plot:
    """Returns the plot of the worst weight's three errors by step."""
    steps = trajectory.steps
    errors = [step.weight_errors for step in steps]
    return _plot_steps(steps, "weights", "Error of the worst weight by step", errors)


def _plot_steps(
    steps: Sequence[StepParity],
    name: str,
    title: str,
    errors: Sequence[tuple[float, float, float]],
) -> Plot:
    return Plot(
        name=name,
        title=title,
        across="optimizer step",
        places=tuple(f"step {step.step}" for step in steps),
        ticks=tuple(str(step.step) for step in steps),
        series=_series(list(zip(*errors))),
        first=_first([step.verdict for step in steps]),
        noted=format_count(len(steps), "step"),
    )


def _series(errors: Sequence[tuple[float, ...]]) -> tuple[Series, ...]:
    filled = errors or [()] * len(_MEANINGS)
    return tuple(Series(css, meaning, row) for (css, meaning), row in zip(_MEANINGS, filled))


def _first(verdicts: Sequence[Verdict]) -> int | None:
    return verdicts.index(Verdict.DIFFERENT) if Verdict.DIFFERENT in verdicts else None


def draw_layers(layers: Sequence[LayerParity], name: str, title: str) -> str:
    """Returns the figure of `plot_layers`."""
    return _figure(plot_layers(layers, name, title), _LAYER_ERRORS)


def draw_steps(trajectory: TrajectoryParity) -> str:
    """Returns the figures of loss and weights."""
    plots = (plot_losses(trajectory), plot_weights(trajectory))
    return "\n".join(_figure(plot, f"{plot.title}. {_STEP_ERRORS}") for plot in plots)


def _figure(plot: Plot, caption: str) -> str:
    remark = f"{caption} {plot_remark(plot)}".strip()
    return plot_figure(plot.title, draw_plot(plot), plot_legend(plot), remark)
