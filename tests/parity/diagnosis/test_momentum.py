"""The momentum that moved a statistic, by the formula in NumPy."""

import numpy as np
import pytest

from slimfix.parity.diagnosis import solve_momentum

BEFORE, BATCH = np.array([0.5, -2.0, 30.0, 0.0]), np.array([1.5, 4.0, 10.0, 1e-3])


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.95, 0.999, 1.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_is_solved_for(momentum, dtype):
    after = (BEFORE * momentum + BATCH * (1 - momentum)).astype(dtype)
    assert solve_momentum(BEFORE, BATCH, after) == pytest.approx(momentum, abs=1e-6)


def test_channels_that_do_not_agree():
    after = BEFORE * 0.9 + BATCH * 0.1
    after[2] = BEFORE[2] * 0.99 + BATCH[2] * 0.01
    assert solve_momentum(BEFORE, BATCH, after) is None


def test_a_corrected_variance_is_no_momentum():
    """N/(N-1) with N = 4 shifts each channel by a share of the batch's own variance."""
    variance = np.abs(BATCH)
    after = BEFORE * 0.9 + variance * 4 / 3 * 0.1
    assert solve_momentum(BEFORE, variance, after) is None
    assert solve_momentum(BEFORE, variance * 4 / 3, after) == pytest.approx(0.9)


def test_nothing_moved_tells_nothing():
    assert solve_momentum(BEFORE, BEFORE, BEFORE) is None


def test_outside_of_zero_and_one():
    assert solve_momentum(BEFORE, BATCH, BEFORE * 1.5 - BATCH * 0.5) is None
