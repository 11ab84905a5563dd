"""The order in which rows are shown: worst first."""

from __future__ import annotations

import math
from typing import Sequence

from slimfix.parity.result import ParityResult
from slimfix.parity.rows import LayerParity, StatisticParity
from slimfix.parity.verdicts import Verdict


def worst_first(layers: Sequence[LayerParity]) -> tuple[LayerParity, ...]:
    """Returns the layers in the order in which an auditor wants to see them.

    By verdict. Layers that compute another function stay in data-flow order: the first one is
    the cause, those after it may only pass its error on. All others go by how many times the
    original's own float32 error theirs is, then by that error.
    """

    def badness(row: LayerParity) -> tuple[float, float, float]:
        order = -float(list(Verdict).index(row.verdict))
        if row.verdict is Verdict.DIFFERENT:
            return order, 0.0, 0.0
        return order, -_ratio(row.keras_error, row.original_error), -_or_inf(row.keras_error)

    return tuple(sorted(layers, key=badness))


def worst_statistics_first(statistics: Sequence[StatisticParity]) -> tuple[StatisticParity, ...]:
    """Returns moving statistics by verdict, then by what no reason explains; the rest as given."""

    def badness(row: StatisticParity) -> tuple[float, float]:
        return -float(list(Verdict).index(row.verdict)), -_or_inf(row.unexplained_error or 0.0)

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
