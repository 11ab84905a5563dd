"""How errors are measured and judged."""

import numpy as np
import pytest

from slimfix.parity.compare import equal_bits, judge, loses_finite, relative_error
from slimfix.parity.verdicts import Verdict

REFERENCE = np.array([[1.0, -200.0, 3.0], [2.0, 100.0, -4.0]])


def test_each_channel_is_measured_against_its_own_largest_value():
    changed = REFERENCE.copy()
    changed[0, 0] += 0.5  # Channel 0 reaches 2, so this is 0.25 of it.
    assert relative_error(changed, REFERENCE) == pytest.approx(0.25)
    changed[1, 1] += 20.0  # Channel 1 reaches 200: 0.1, which is less.
    assert relative_error(changed, REFERENCE) == pytest.approx(0.25)


def test_a_silent_channel_is_measured_against_the_loud_ones():
    reference = np.array([[1e-9, 1000.0]])
    assert relative_error(np.array([[2e-9, 1000.0]]), reference) == pytest.approx(1e-9)


def test_equal_values_have_no_error():
    odd = np.array([[np.nan, np.inf, -np.inf, 0.0]])
    assert relative_error(odd, odd.copy()) == 0.0
    assert relative_error(REFERENCE.astype(np.float32), REFERENCE) == 0.0
    assert relative_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0.0


@pytest.mark.parametrize(
    ("values", "reference"),
    [
        (np.array([[np.nan, 1.0]]), np.array([[1.0, 1.0]])),
        (np.array([[1.0, 1.0]]), np.array([[np.inf, 1.0]])),
        (np.array([[np.inf, 1.0]]), np.array([[-np.inf, 1.0]])),
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.array([[1e-30]]), np.array([[0.0]])),
    ],
)
def test_what_cannot_be_measured_is_infinitely_wrong(values, reference):
    assert relative_error(values, reference) == float("inf")


@pytest.mark.parametrize(
    ("errors", "equal_bits", "verdict"),
    [
        ((1e-14, 3e-7, 3e-7), True, Verdict.IDENTICAL),
        ((1e-14, 3e-7, 5e-7), False, Verdict.EQUIVALENT),
        ((1e-14, 1e-5, 3.9e-5), False, Verdict.EQUIVALENT),
        ((1e-14, 1e-5, 4.1e-5), False, Verdict.DEGRADED),
        ((1e-14, 0.0, 3e-6), False, Verdict.EQUIVALENT),
        ((1e-8, 3e-7, 3e-7), False, Verdict.DIFFERENT),
        ((1e-8, 3e-7, 3e-7), True, Verdict.DIFFERENT),
        ((float("nan"), 0.0, 0.0), True, Verdict.DIFFERENT),
    ],
)
def test_verdict(errors, equal_bits, verdict):
    assert judge(*errors, equal_bits) is verdict


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("values", "exact", "original", "lost"),
    [
        ([1.0, NAN], [1.0, 2.0], [1.0, 2.0], True),
        ([1.0, -INF], [1.0, -470.0], [1.0, -470.0], True),
        ([1.0, INF], [1.0, 1e39], [1.0, INF], False),  # As the original does in float32.
        ([1.0, INF], [1.0, INF], [1.0, INF], False),
        ([1.0, 2.5], [1.0, 2.0], [1.0, 2.0], False),
    ],
)
def test_what_is_not_finite_where_the_original_is(values, exact, original, lost):
    single, rerun = (np.array(each, np.float32) for each in (values, original))
    assert loses_finite(single, [np.array(exact), rerun]) is lost


def test_whole_numbers_are_always_finite():
    assert not loses_finite(np.array([1, 2]), [np.array([1, 3])])


@pytest.mark.parametrize(
    ("values", "reference", "error"),
    [
        (np.array([3, 4], np.int32), np.array([3, 4], np.int64), 0.0),
        (np.array([3, 5]), np.array([3, 4]), float("inf")),
        (np.array([True, False]), np.array([True, False]), 0.0),
        (np.array([True, True]), np.array([True, False]), float("inf")),
        (np.array([1, 0]), np.array([[1, 0]]), float("inf")),
        (np.zeros((0, 3), np.float32), np.zeros((0, 3)), 0.0),
        (np.zeros((2, 0), np.float32), np.zeros((2, 0)), 0.0),
        (np.float32(2.0), np.float64(2.5), 0.2),
    ],
)
def test_numbers_without_rounding_and_odd_shapes(values, reference, error):
    assert relative_error(np.asarray(values), np.asarray(reference)) == pytest.approx(error)


def test_bits_are_those_of_floats_and_values_those_of_integers():
    assert equal_bits(np.array([3], np.int32), np.array([3], np.int64))
    assert not equal_bits(np.array([3]), np.array([4]))
    assert not equal_bits(np.array([0.0], np.float32), np.array([-0.0], np.float32))
