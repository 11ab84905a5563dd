"""What the plots of the HTML report show: errors by depth, and by optimizer step."""

from __future__ import annotations

from typing import Sequence

from slimfix.errors import count
from slimfix.parity.rows import LayerParity, TrajectoryParity
from slimfix.parity.verdicts import Verdict
from slimfix.report.plot import Plot, Series

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
    errors = [(row.function_error, row.original_error, row.keras_error) for row in layers]
    return Plot(
        name=name,
        title=title,
        caption=_LAYER_ERRORS,
        across="layer, in data-flow order",
        places=tuple(row.layer for row in layers),
        ticks=tuple(str(number) for number, _ in enumerate(layers, 1)),
        series=_series(errors),
        first=_first([row.verdict for row in layers]),
        noted=count(len(layers), "layer"),
    )


def plot_steps(trajectory: TrajectoryParity) -> tuple[Plot, Plot]:
    """Returns the plots of three errors by step: of the loss, and of the worst weight."""
    steps = trajectory.steps

    def plot(name: str, title: str, errors: Sequence[tuple[float, float, float]]) -> Plot:
        return Plot(
            name=name,
            title=title,
            caption=f"{title}. {_STEP_ERRORS}",
            across="optimizer step",
            places=tuple(f"step {step.step}" for step in steps),
            ticks=tuple(str(step.step) for step in steps),
            series=_series(errors),
            first=_first([step.verdict for step in steps]),
            noted=count(len(steps), "step"),
        )

    return (
        plot("loss", "Error of the loss by step", [step.loss_errors for step in steps]),
        plot(
            "weights", "Error of the worst weight by step", [step.weight_errors for step in steps]
        ),
    )


def _series(errors: Sequence[tuple[float, float, float]]) -> tuple[Series, ...]:
    return tuple(
        Series(css, meaning, tuple(each[at] for each in errors))
        for at, (css, meaning) in enumerate(_MEANINGS)
    )


def _first(verdicts: Sequence[Verdict]) -> int | None:
    return verdicts.index(Verdict.DIFFERENT) if Verdict.DIFFERENT in verdicts else None
