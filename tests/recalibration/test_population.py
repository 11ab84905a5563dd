"""Pooling: the moments of all elements, whatever the batches, against NumPy on all of them."""

import numpy as np
import pytest

from slimfix.recalibration.population import Moments, pool


def moments(values):
    return Moments(len(values), values.mean(axis=0), ((values - values.mean(axis=0)) ** 2).sum(0))


@pytest.mark.parametrize("mean", [0.0, 3.0, 1e6])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (7,), (5, 1, 40, 2), (1, 99)])
def test_pooled_moments_are_those_of_all_elements(mean, sizes):
    values = np.random.RandomState(2).normal(mean, [0.1, 1.0, 30.0], size=(sum(sizes), 3))
    pooled = pool(moments(part) for part in np.split(values, np.cumsum(sizes)[:-1]))
    assert pooled.count == len(values)
    np.testing.assert_allclose(pooled.mean, values.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(pooled.variance, values.var(axis=0), rtol=1e-9)


def test_the_variance_is_divided_by_n():
    assert moments(np.array([[1.0], [4.0], [10.0]])).variance == [14.0]


def test_averaging_the_variances_is_another_answer():
    """Sabotage: what pooling must not be. The parts' means lie apart."""
    parts = [moments(np.array([[0.0], [2.0]])), moments(np.array([[10.0], [12.0]]))]
    assert np.mean([part.variance for part in parts]) == 1.0
    assert pool(parts).variance == 26.0
