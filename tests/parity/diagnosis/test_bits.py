"""What an array is, beside the one that it should be."""

import ml_dtypes
import numpy as np
import pytest

from slimfix.parity.diagnosis.bits import describe

KERNEL = np.random.default_rng(5).normal(size=(3, 3, 4, 4)).astype(np.float32)
VARIANCE = np.linspace(0.5, 2.5, 6, dtype=np.float32)


def swapped(axis, one, other):
    order = np.arange(KERNEL.shape[axis])
    order[[one, other]] = order[[other, one]]
    return np.take(KERNEL, order, axis)


@pytest.mark.parametrize(
    ("found", "clause"),
    [
        (np.zeros_like(KERNEL), "is all 0, an initial value"),
        (np.ones_like(KERNEL), "is all 1, an initial value"),
        (
            np.transpose(KERNEL, (1, 0, 2, 3)),
            "is the variable with its axes in the order [1, 0, 2, 3]",
        ),
        (
            np.transpose(KERNEL, (0, 1, 3, 2)),
            "is the variable with its axes in the order [0, 1, 3, 2]",
        ),
        (KERNEL[::-1], "is the variable flipped in space, along axis 0"),
        (KERNEL[::-1, ::-1], "is the variable flipped in space, along axes 0 and 1"),
        (swapped(3, 0, 2), "has output channels 0 and 2 swapped"),
        (swapped(2, 1, 3), "has input channels 1 and 3 swapped"),
        (KERNEL[:, :, ::-1], "has its input channels in reverse order"),
        (np.roll(KERNEL, 1, axis=3), "has 4 of 4 output channels in another order"),
        (-KERNEL, "is the variable negated"),
        (np.abs(KERNEL), "is the variable's absolute values"),
        (KERNEL * np.float32(0.5), "is the variable times 0.5"),
        (
            KERNEL.astype(np.float16).astype(np.float32),
            "is the variable rounded to float16",
        ),
        (
            KERNEL.astype(ml_dtypes.bfloat16).astype(np.float32),
            "is the variable rounded to bfloat16",
        ),
        (KERNEL.astype(np.float64), "holds the same numbers as float64"),
        (KERNEL.reshape(9, 4, 4), "is the variable in another shape"),
        (KERNEL[:2], "has another shape"),
    ],
)
def test_clauses(found, clause):
    assert describe(np.ascontiguousarray(found), KERNEL, "kernel") == clause


@pytest.mark.parametrize("steps", [1, 3])
def test_units_in_the_last_place(steps):
    found = KERNEL.copy()
    for _ in range(steps):
        found[0, 1, 2, 3] = np.nextafter(found[0, 1, 2, 3], np.float32(np.inf))
    units = "1 ULP" if steps == 1 else "3 ULPs"
    assert describe(found, KERNEL) == f"is off by up to {units} in 1 of 144 values"


@pytest.mark.parametrize(
    ("factor", "clause"),
    [
        (4 / 3, "is the variable times 1.333333, which is N/(N-1) with N = 4"),
        (63 / 64, "is the variable times 0.984375, which is (N-1)/N with N = 64"),
        (0.77, "is the variable times 0.77"),
    ],
)
def test_a_variance_corrected_or_not(factor, clause):
    assert describe((VARIANCE * factor).astype(np.float32), VARIANCE, "moving_variance") == clause


def test_some_values():
    found = KERNEL.copy()
    found[0, 0, 0, :2] += 0.5
    assert describe(found, KERNEL) == "differs in 2 of 144 values, by up to 0.5"


def test_a_permutation_of_slices_that_are_alike():
    """Two channels hold the same values, so that either may stand for the other."""
    wanted = np.array([[1.0, 1.0, 2.0, 3.0]], np.float32).repeat(2, 0)
    assert describe(wanted[:, [0, 1, 3, 2]], wanted) == "has output channels 2 and 3 swapped"
