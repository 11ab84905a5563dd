"""Values on which nothing shows, and such as may look like it."""

import numpy as np
import pytest

from slimfix.reference.telling import find_constant, find_repeated, find_unreached, find_untried

VARIED = np.arange(1, 13, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (np.zeros((3, 4), np.float32), ["input 'x:0': each of its 12 values is 0.0"]),
        (np.full((2, 1), 7, np.int32), ["input 'x:0': each of its 2 values is 7"]),
        (np.full((1, 4), 0.5, np.float32), ["input 'x:0': each of its 4 values is 0.5"]),
        (VARIED, []),
        (np.repeat(VARIED[:1], 3, 0), []),  # Elements differ.
        (np.array([[0.5]], np.float32), []),  # All that one sample of one feature can be.
        (np.ones((3, 4), bool), []),  # A mask.
        (np.array(True), []),
    ],
)
def test_inputs_of_one_value(value, line):
    assert find_constant({"x:0": value}) == line


def test_samples_that_are_all_one():
    repeated = np.repeat(VARIED[:1], 3, 0)
    assert find_repeated({"x:0": repeated}) == ["input 'x:0': 3 times one sample"]
    assert find_repeated({"x:0": repeated, "y:0": VARIED}) == []
    assert find_repeated({"x:0": VARIED[:1]}) == []


def test_outputs_that_no_sample_moves():
    same = np.repeat(VARIED[:1], 3, 0)
    line = ["output 'y:0': the same for each of 3 samples, which differ"]
    assert find_unreached({"y:0": same}, 0.0) == line
    moved = same + 1e-5 * np.eye(3, 4)
    assert find_unreached({"y:0": moved}, 2e-5) == line
    for value in (VARIED, moved, same[:1], np.float32(3), same * np.float32(np.nan)):
        assert find_unreached({"y:0": np.asarray(value)}, 1e-7) == []
    # Boxes that are the same for all images, beside what is found in them.
    assert find_unreached({"boxes:0": same, "classes:0": VARIED}, 1e-7) == []


def test_cotangents_of_a_part():
    assert find_untried({"y:0": VARIED, "loss:0": np.float32(2)}) == []
    gone = VARIED.copy()
    gone[:, 1] = 0
    lines = find_untried({"y:0": gone, "z:0": VARIED * np.float32(np.nan), "l:0": np.float32(0)})
    assert lines == [
        "cotangent of 'y:0': zero throughout in 1 of 4 channels",
        "cotangent of 'z:0': some values are not finite",
        "cotangent of 'l:0': zero throughout in 1 of 1 channels",
    ]
