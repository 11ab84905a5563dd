"""The terminal report's tables of moving statistics and of optimizer steps."""

from __future__ import annotations

from typing import Sequence

from slimfix.errors import count
from slimfix.parity.rows import Spread, StatisticParity, StepParity, TrajectoryParity
from slimfix.parity.verdicts import Verdict
from slimfix.report.columns import ERROR, Column, Paint, Row, lay_out
from slimfix.report.formats import format_error, format_value
from slimfix.report.order import worst_statistics_first
from slimfix.report.text import wrap

_NOT_RUN = "-"
_VALUE = 10  # Columns; '-1.234e-05'.


def statistics_table(statistics: Sequence[StatisticParity], shown: int, paint: Paint) -> list[str]:
    """Returns the lines of the table: the worst `shown` moving statistics, before and after."""
    if not statistics:
        return wrap("The network has none.")
    columns = (
        Column("variable", most=None),
        *(Column(name, _VALUE, _VALUE, right=True) for name in ("before", "original", "Keras")),
        *(Column(name, ERROR, ERROR, right=True) for name in ("float64", "left")),
    )
    rows = worst_statistics_first(statistics)[:shown]
    lines = lay_out(columns, [Row(_statistic(row), row.verdict) for row in rows], paint)
    end = lines[0].rindex("Keras") + len("Keras")
    return [
        f"{'after one step':>{end}}  {'error in':>{ERROR}}",
        *lines,
        *wrap(
            f"{len(rows)} of {count(len(statistics), 'moving statistic')} shown. Values are "
            "means over the channels; left: the error once the stated reason is taken out."
        ),
    ]


def _statistic(row: StatisticParity) -> tuple[str, ...]:
    return (
        row.variable,
        format_value(row.stored.mean),
        _mean(row.original_after),
        _mean(row.keras_after),
        _error(row.function_error),
        _error(row.unexplained_error),
    )


def _mean(spread: Spread | None) -> str:
    return _NOT_RUN if spread is None else format_value(spread.mean)


def _error(error: float | None) -> str:
    return _NOT_RUN if error is None else format_error(error)


def step_table(trajectory: TrajectoryParity, shown: int, paint: Paint) -> list[str]:
    """Returns the lines of the table: the first, some and the last of the optimizer's steps."""
    errors = ("float64", "original", "Keras", "float64")
    columns = (
        Column("step", right=True),
        Column("loss", _VALUE, _VALUE, right=True),
        *(Column(name, ERROR, ERROR, right=True) for name in errors),
        Column("worst weight", most=None),
    )
    steps = choose_steps(trajectory.steps, shown)
    lines = lay_out(columns, [Row(_step(step), step.verdict) for step in steps], paint)
    end = lines[0].index("Keras") + len("Keras")
    return [
        *wrap(f"{trajectory.optimizer}, minimising {trajectory.loss}"),
        f"{'error of the loss':>{end}}  {'weights':>{ERROR}}",
        *lines,
        *wrap(
            f"{len(steps)} of {count(len(trajectory.steps), 'step')} shown; the loss is the "
            "float64 original's."
        ),
    ]


def _step(step: StepParity) -> tuple[str, ...]:
    return (
        str(step.step),
        format_value(step.loss),
        *(format_error(error) for error in step.loss_errors),
        format_error(step.weight_errors[0]),
        step.worst_weight,
    )


def choose_steps(steps: Sequence[StepParity], shown: int) -> tuple[StepParity, ...]:
    """Returns at most `shown` + 1 steps, evenly spread with the first and the last among them,
    and the first that is different."""
    last = len(steps) - 1
    places = {round(last * at / max(1, shown - 1)) for at in range(shown)} if steps else set()
    different = [at for at, step in enumerate(steps) if step.verdict is Verdict.DIFFERENT]
    return tuple(steps[place] for place in sorted(places | set(different[:1])))
