"""Keras weights laid out as variables, and parts joined to wholes."""

import numpy as np
import pytest

from slimfix.migration.records import WeightRecord
from slimfix.parity.layout import as_variable, whole


@pytest.mark.parametrize(
    ("shape", "permutation", "of_weight"),
    [
        ((2, 3, 4, 5), (), (2, 3, 4, 5)),
        ((2, 3, 4, 5), (0, 1, 3, 2), (2, 3, 5, 4)),
        ((2, 3, 4, 5), (3, 0, 2, 1), (5, 2, 4, 3)),
        ((2, 3, 4), (2, 0, 1), (4, 6)),
        ((6, 5), (), (2, 3, 5)),
        ((4,), (), (1, 1, 4)),
        ((), (), (1,)),
    ],
)
def test_it_is_the_inverse_of_arrange(shape, permutation, of_weight):
    record = WeightRecord("kernel", "w", of_weight, permutation)
    variable = np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    weight = record.arrange(variable)
    assert weight.shape == of_weight
    np.testing.assert_array_equal(as_variable(record, weight, shape), variable)


def test_axes_that_are_turned_in_a_circle():
    """Written out: a permutation that is its own inverse would hide which way it goes."""
    weight = np.arange(24.0).reshape(4, 2, 3)  # Axes 2, 0, 1 of the variable.
    record = WeightRecord("kernel", "w", (4, 2, 3), (2, 0, 1))
    found = as_variable(record, weight, (2, 3, 4))
    for i, j, k in np.ndindex(2, 3, 4):
        assert found[i, j, k] == weight[k, i, j]


FULL = np.arange(24 * 5, dtype=np.float64).reshape(24, 5)


def test_a_variable_has_its_own_value():
    values = {"w": FULL, "w/part_0": FULL[:3], "v": FULL + 1}
    assert whole(values, "w", (24, 5)) is FULL
    assert whole(values, "u", (24, 5)) is None


@pytest.mark.parametrize("axis", [0, 1])
def test_parts_are_joined_in_the_order_of_their_numbers(axis):
    """Twelve parts: part_10 comes before part_2 in the order of letters."""
    full = FULL if axis == 0 else FULL.T.copy()
    parts = np.split(full, 12, axis)
    values = {f"net/w/part_{number}": parts[number] for number in reversed(range(12))}
    values["net/w2/part_0"] = full + 1
    np.testing.assert_array_equal(whole(values, "net/w", full.shape), full)


def test_one_part_is_the_whole():
    np.testing.assert_array_equal(whole({"w/part_0": FULL}, "w", FULL.shape), FULL)


def test_parts_of_unequal_sizes():
    values = {"w/part_0": FULL[:10], "w/part_1": FULL[10:17], "w/part_2": FULL[17:]}
    np.testing.assert_array_equal(whole(values, "w", FULL.shape), FULL)
