"""The numbers of the summaries, against float64 NumPy."""

import numpy as np
import pytest

from slimfix.watching.drift import Drift, build_histogram, build_summaries, measure_drift

MEAN = np.array([0.5, -1.25, 3.0], np.float32)
VARIANCE = np.array([0.25, 4.0, 1e-30], np.float32)
BATCH_MEAN = np.array([0.75, -1.5, 2.0], np.float32)
BATCH_VARIANCE = np.array([1.0, 2.0, 0.0], np.float32)
EPSILON = 0.001


def test_drift_is_in_standard_deviations():
    drift = measure_drift(MEAN, VARIANCE, BATCH_MEAN, BATCH_VARIANCE, EPSILON)
    shifts = [0.25 / 0.251**0.5, 0.25 / 4.001**0.5, 1.0 / 0.001**0.5]
    ratios = [1.001 / 0.251, 2.001 / 4.001, 1.0]
    np.testing.assert_allclose(drift.drift_max, max(shifts), rtol=1e-12)
    np.testing.assert_allclose(drift.drift_mean, sum(shifts) / 3, rtol=1e-12)
    np.testing.assert_allclose(drift.variance_ratio_min, min(ratios), rtol=1e-12)
    np.testing.assert_allclose(drift.variance_ratio_max, max(ratios), rtol=1e-12)


def test_equal_statistics_do_not_drift_whatever_their_shape():
    drift = measure_drift(MEAN, VARIANCE, MEAN.reshape(1, 3), VARIANCE.reshape(1, 3), EPSILON)
    assert drift == Drift(0.0, 0.0, 1.0, 1.0)


def test_what_has_no_root_is_not_a_number():
    drift = measure_drift(MEAN, -VARIANCE, BATCH_MEAN, BATCH_VARIANCE, EPSILON)
    assert np.isnan(drift.drift_max) and np.isnan(drift.drift_mean)


def test_histogram_counts_every_value():
    values = np.random.RandomState(3).normal(2.0, 3.0, 500).astype(np.float32)
    histogram = build_histogram(values)
    exact = values.astype(np.float64)
    assert (histogram.min, histogram.max) == (exact.min(), exact.max())
    assert histogram.num == sum(histogram.bucket) == 500
    np.testing.assert_allclose(histogram.sum, exact.sum(), rtol=1e-12)
    np.testing.assert_allclose(histogram.sum_squares, np.square(exact).sum(), rtol=1e-12)
    limits = np.array(histogram.bucket_limit)
    assert np.all(np.diff(limits) > 0)
    for index in (0, 7, 29):
        assert sum(histogram.bucket[: index + 1]) == np.sum(exact <= limits[index])


@pytest.mark.parametrize(
    ("values", "number"),
    [([np.nan, 1.5, np.inf], 1), ([2.0, 2.0], 2), ([np.nan], 0)],
    ids=["some finite", "all alike", "none finite"],
)
def test_histogram_of_odd_values(values, number):
    histogram = build_histogram(np.array(values, np.float32))
    assert histogram.num == sum(histogram.bucket) == number
    assert len(histogram.bucket) == len(histogram.bucket_limit) > 0


def test_each_number_has_its_tag():
    values = build_summaries("a/BatchNorm", Drift(0.5, 0.25, 0.75, 1.5), MEAN, VARIANCE)
    scalars = {each.tag: each.simple_value for each in values if each.HasField("simple_value")}
    assert scalars == {
        "a/BatchNorm/drift_max": 0.5,
        "a/BatchNorm/drift_mean": 0.25,
        "a/BatchNorm/variance_ratio_min": 0.75,
        "a/BatchNorm/variance_ratio_max": 1.5,
    }
    sums = {each.tag: each.histo.sum for each in values if each.HasField("histo")}
    assert sums["a/BatchNorm/moving_mean"] == 2.25
    np.testing.assert_allclose(sums["a/BatchNorm/moving_variance"], 4.25, rtol=1e-12)
