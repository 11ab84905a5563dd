"""How a variable lies in a Keras weight, against NumPy's own transpose and reshape."""

import itertools

import numpy as np
import pytest

from slimfix.migration.converters.kernel import Kernel
from slimfix.migration.records import WeightRecord

VALUES = np.arange(1 * 2 * 3 * 1 * 4).reshape(1, 2, 3, 1, 4)


class _Planner:
    def weight(self, name, tensor):
        return WeightRecord(name, tensor, VALUES.shape)


def _kernel():
    return Kernel("w", VALUES.shape, (0, 1, 2, 3, 4), (0, 1, 2, 3, 4))


def _arranged(kernel):
    return kernel.record(_Planner(), "kernel").arrange(VALUES)


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::7])
def test_transposed(order):
    np.testing.assert_array_equal(_arranged(_kernel().transposed(order)), VALUES.transpose(order))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_axes_of_one_come_and_go_between_transposes(order):
    kernel = _kernel().transposed((4, 3, 0, 2, 1)).reshaped((4, 3, 2))
    expected = VALUES.transpose(4, 3, 0, 2, 1).reshape(4, 3, 2)
    np.testing.assert_array_equal(_arranged(kernel), expected)
    widened = kernel.transposed(order).reshaped((1, *expected.transpose(order).shape))
    np.testing.assert_array_equal(_arranged(widened), expected.transpose(order)[None])
    again = widened.transposed((3, 0, 2, 1))
    np.testing.assert_array_equal(
        _arranged(again), expected.transpose(order)[None].transpose(3, 0, 2, 1)
    )


def test_a_reshape_that_joins_axes_comes_last():
    joined = _kernel().transposed((2, 1, 0, 3, 4)).reshaped((6, 4))
    np.testing.assert_array_equal(_arranged(joined), VALUES.transpose(2, 1, 0, 3, 4).reshape(6, 4))
    assert joined.transposed((1, 0)) is None


def test_what_lies_alike_needs_no_permutation():
    assert _kernel().reshaped((2, 3, 4)).record(_Planner(), "kernel").permutation == ()
