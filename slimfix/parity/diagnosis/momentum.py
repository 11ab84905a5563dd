"""Which momentum moved a statistic."""

from __future__ import annotations

import numpy as np

_AGREE = 1e-6


def solve_momentum(before: np.ndarray, batch: np.ndarray, after: np.ndarray) -> float | None:
    """Returns the momentum by which a moving statistic took in that of a batch.

    after = before * momentum + batch * (1 - momentum); slim calls the momentum decay.

    Args:
      before: [channels], any float dtype, the moving statistic before a training step.
      batch: [channels], of the batch; a variance as the layer takes it in: slim's fused op takes in
        N/(N-1) times the biased one.
      after: [channels], after the step.
    Returns: no unit, in [0, 1]; None where no one momentum gives every channel to 1e-6 of the
      larger of `before` and `batch`, or where these differ in fewer than two channels.
    Source: tensorflow:tensorflow/python/training/moving_averages.py, `assign_moving_average`.
    """
    before, batch, after = (np.asarray(each, np.float64) for each in (before, batch, after))
    gap = before - batch
    if np.count_nonzero(gap) < 2:  # Any move of a single channel has a momentum that gives it.
        return None
    momentum = float(np.sum((after - batch) * gap) / np.sum(gap * gap))
    expected = before * momentum + batch * (1 - momentum)
    scale = np.maximum(np.abs(before), np.abs(batch))
    agrees = bool(np.all(np.abs(expected - after) <= _AGREE * scale))
    return momentum if agrees and -_AGREE <= momentum <= 1 + _AGREE else None
