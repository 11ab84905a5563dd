"""The order in which rows are shown: worst first."""

from __future__ import annotations

import math
from typing import Sequence

from slimfix.parity.result import ParityResult
from slimfix.parity.rows import LayerParity, StatisticParity
from slimfix.parity.verdicts import Verdict


def numbered_worst_first(layers: Sequence[LayerParity]) -> tuple[tuple[int, LayerParity], ...]:
    """Returns the layers as `worst_first` does, each with its number in data-flow order, from 1."""

    def badness(numbered: tuple[int, LayerParity]) -> tuple[float, float, float]:
        row = numbered[1]
        if row.verdict is Verdict.DIFFERENT:
            return -row.verdict.rank, 0.0, 0.0
        ratio = _ratio(row.keras_error, row.original_error)
        return -row.verdict.rank, -ratio, -_or_inf(row.keras_error)

    return tuple(sorted(enumerate(layers, 1), key=badness))


def worst_first(layers: Sequence[LayerParity]) -> tuple[LayerParity, ...]:
    """Returns the layers in the order in which an auditor wants to see them.

    By verdict. Layers that compute another function stay in data-flow order: the first one is
    the cause, those after it may only pass its error on. All others go by how many times the
    original's own float32 error theirs is, then by that error.
    """
    return tuple(row for _, row in numbered_worst_first(layers))


def worst_statistics_first(statistics: Sequence[StatisticParity]) -> tuple[StatisticParity, ...]:
    """Returns moving statistics by verdict, then by what no reason explains; the rest as given."""

    def badness(row: StatisticParity) -> tuple[float, float]:
        return -row.verdict.rank, -_or_inf(row.unexplained_error or 0.0)

    return tuple(sorted(statistics, key=badness))


def worst_output(parity: ParityResult) -> LayerParity:
    """Returns the row of the output that comes first in `worst_first`."""
    return next(row for row in worst_first(parity.layers) if row.tensor in parity.outputs)


def _ratio(error: float, own: float) -> float:
    if _or_inf(error) == math.inf:
        return math.inf
    if own == 0:
        return math.inf if error else 0.0
    return 0.0 if _or_inf(own) == math.inf else error / own


def _or_inf(error: float) -> float:
    return error if math.isfinite(error) else math.inf
