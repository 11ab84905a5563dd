"""Finds out by which rule a moving statistic moved, where it did not move as the original's."""

from __future__ import annotations

import numpy as np

from slimfix.parity.compare import SAME_FUNCTION, relative_error
from slimfix.parity.diagnosis.momentum import solve_momentum
from slimfix.parity.result import Diagnosis, Level, StatisticParity, Trial


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
    taken_in = (original - decay * before) / (1.0 - decay) if decay < 1.0 else original
    batch = taken_in / factor
    solved = solve_momentum(before, batch, keras)
    guesses = {"it does not move: the layer is frozen, or in inference mode": before}
    if solved is not None and abs(solved - decay) > 1e-6:
        label = f"momentum {solved:.6g} in place of {decay:.6g}"
        guesses[label] = solved * before + (1.0 - solved) * batch
    guesses[f"momentum {1.0 - decay:.6g}, which is 1 - decay, in place of {decay:.6g}"] = (
        1.0 - decay
    ) * before + decay * batch
    guesses["the last batch's statistics in place of an average"] = batch
    if factor != 1.0:
        guesses["variance * N/(N-1) taken in twice"] = (
            decay * before + (1.0 - decay) * batch * factor**2
        )
    errors = {label: relative_error(keras, guess) for label, guess in guesses.items()}
    trials = [Trial(label, error, error <= SAME_FUNCTION) for label, error in errors.items()]
    layer = row.weight.rpartition("/")[0]
    return Diagnosis(Level.TRAINING, layer, row.variable, tuple(trials))
