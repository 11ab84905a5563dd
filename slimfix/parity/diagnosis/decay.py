"""Finds out by which rule a moving statistic moved, where it did not move as the original's."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from slimfix.parity.compare import SAME_FUNCTION, relative_error
from slimfix.parity.diagnosis.momentum import solve_momentum
from slimfix.parity.rows import Diagnosis, StatisticParity, Trial
from slimfix.parity.verdicts import Level


def diagnose_statistic(
    row: StatisticParity,
    before: np.ndarray,
    original: np.ndarray,
    keras: np.ndarray,
    decay: float,
    factor: float,
) -> Diagnosis:
    """Returns what was tried on a moving statistic that moved otherwise, and what fits.

    Args:
      row: its record.
      before: float64 [channels], before the step.
      original: after one step of the original.
      keras: after one step of the Keras model.
      decay: the original's; Keras calls it momentum.
      factor: what the original's fused op multiplies a variance with, N / (N - 1); 1.0 for others.
    Returns: Diagnosis of level L2.
    """
    errors: dict[str, float] = {}
    for rate in _rates(decay):
        batch = before + (original - before) / rate if rate else original
        for label, guess in _guess(before, batch / factor, keras, decay, factor):
            errors[label] = min(errors.get(label, np.inf), relative_error(keras, guess))
    trials = [Trial(label, error, error <= SAME_FUNCTION) for label, error in errors.items()]
    layer = row.weight.rpartition("/")[0]
    return Diagnosis(Level.TRAINING, layer, row.variable, tuple(trials))


def _rates(decay: float) -> list[float]:
    """Returns what 1 - decay may be: rounded to float32, or subtracted in it, or in float64."""
    single = np.float32(decay)
    found = [float(np.float32(1.0 - decay)), float(np.float32(1.0) - single), 1.0 - decay]
    return list(dict.fromkeys(found))


def _guess(
    before: np.ndarray, batch: np.ndarray, keras: np.ndarray, decay: float, factor: float
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields what may be wrong, and what the statistic then becomes.

    Args:
      before, keras, decay, factor: as of `diagnose_statistic`.
      batch: the plain statistic of the batch.
    """
    yield "it does not move: the layer is frozen, or in inference mode", before
    solved = solve_momentum(before, batch, keras)
    if solved is not None and abs(solved - decay) > 1e-6:
        label = f"momentum {abs(round(solved, 6)):g} in place of {decay:.6g}"
        yield label, solved * before + (1.0 - solved) * batch
    swapped = f"momentum {1.0 - decay:.6g}, which is 1 - decay, in place of {decay:.6g}"
    for rate in (decay, float(np.float32(decay))):
        yield swapped, (1.0 - rate) * before + rate * batch
    yield "the last batch's statistics in place of an average", batch
    if factor != 1.0:
        for rate in _rates(decay):
            twice = before + rate * (batch * factor**2 - before)
            yield "variance * N/(N-1) taken in twice", twice
