"""The HTML report's tables of moving statistics and of optimizer steps."""

from __future__ import annotations

from typing import Sequence

from slimfix.parity.rows import Spread, StatisticParity, StepParity, TrajectoryParity
from slimfix.report.formats import format_value
from slimfix.report.html_layers import error_cell, verdict_cell
from slimfix.report.markup import Cell, table
from slimfix.report.order import worst_statistics_first

_STATISTIC_HEADERS = (
    "Moving statistic",
    "Verdict",
    "Checkpoint",
    "Keras file",
    "After one step, original",
    "After one step, Keras",
    "N",
    "Float64 error",
    "Without the reason",
    "Reason",
)
_STEP_HEADERS = (
    "Step",
    "Verdict",
    "Loss",
    "Loss error, float64",
    "Loss error, original",
    "Loss error, Keras",
    "Weight error, float64",
    "Weight error, original",
    "Weight error, Keras",
    "Worst weight",
)


def statistics_table(statistics: Sequence[StatisticParity]) -> str:
    """Returns the table of moving statistics before and after one step; '' where there is none."""
    if not statistics:
        return ""
    rows = [_statistic(row) for row in worst_statistics_first(statistics)]
    return table("Mean over the channels, and their range", _STATISTIC_HEADERS, rows)


def _statistic(row: StatisticParity) -> list[Cell]:
    spreads = (row.stored, row.loaded, row.original_after, row.keras_after)
    elements = -1 if row.elements is None else row.elements
    return [
        Cell(row.variable, (row.weight,)),
        verdict_cell(row.verdict),
        *(_spread(spread) for spread in spreads),
        Cell("-" if row.elements is None else str(elements), value=elements, css="number"),
        error_cell(row.function_error),
        error_cell(row.unexplained_error),
        Cell(row.reason, css="long"),
    ]


def _spread(spread: Spread | None) -> Cell:
    if spread is None:
        return Cell("-", value=float("-inf"), css="number")
    reach = f"{format_value(spread.low)} to {format_value(spread.high)}"
    return Cell(format_value(spread.mean), (reach,), value=spread.mean, css="number")


def steps_table(trajectory: TrajectoryParity) -> str:
    """Returns the table of every step, in order."""
    caption = f"{trajectory.optimizer}, minimising {trajectory.loss}"
    return table(caption, _STEP_HEADERS, [_step(step) for step in trajectory.steps])


def _step(step: StepParity) -> list[Cell]:
    return [
        Cell(str(step.step), value=step.step, css="number"),
        verdict_cell(step.verdict),
        Cell(format_value(step.loss), value=step.loss, css="number"),
        *(error_cell(error) for error in (*step.loss_errors, *step.weight_errors)),
        Cell(step.worst_weight, css="long"),
    ]
