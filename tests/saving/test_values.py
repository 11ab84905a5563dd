"""describe_difference: bits, not numbers."""

import numpy as np
import pytest

from slimfix.saving.values import describe_difference


@pytest.mark.parametrize(
    "value",
    [
        np.float32([[1.5, np.nan, np.inf], [-0.0, 1e-45, 3.0]]),
        np.float32(2.5),
        np.zeros([0, 3], np.float64),
        np.array([True, False]),
        np.int64(7),
        np.array([b"one", b"two"], object),
        b"one",
        np.complex64([1 + 2j]),
    ],
    ids=lambda value: str(np.asarray(value).dtype),
)
def test_the_same(value):
    assert describe_difference(value, np.array(value)) is None


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (np.float32([1, 2, 4]), np.float32([1, 2.5, 3]), "2 of 3 values differ, by up to 1"),
        (np.float32(-0.0), np.float32(0.0), "1 of 1 values differ, by up to 0"),
        (np.float32([np.nan, 1]), np.float32([5, 1]), "1 of 2 values differ, by up to 0"),
        (np.float32([np.nan]), np.float32([5]), "1 of 1 values differ"),
        (np.array([True, True]), np.array([True, False]), "1 of 2 values differ"),
        (np.int64([7]), np.int64([9]), "1 of 1 values differ, by up to 2"),
        (b"one", b"two", "1 of 1 values differ"),
        (np.array([b"a", b"b"], object), np.array([b"a", b"c"], object), "1 of 2 values differ"),
        (np.float32([1]), np.float32([[1]]), "[1] float32 against [1, 1] float32"),
        (np.float32([1]), np.float64([1]), "[1] float32 against [1] float64"),
    ],
)
def test_a_difference_in_words(one, other, words):
    assert describe_difference(one, other) == words
