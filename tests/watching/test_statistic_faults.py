"""What a moving statistic may do between two checks, judged by its values alone."""

import types

import numpy as np
import pytest

from slimfix.watching.statistic_faults import (
    Problem,
    describe_range,
    explain_faults,
    find_faults,
    is_settled,
)

BEFORE = np.array([0.5, -1.5, 2.0], np.float32)
MOVED = np.array([0.5, -1.5, 2.0000002], np.float32)
BATCH = np.array([0.75, -1.0, 2.5], np.float32)
LAYER = types.SimpleNamespace(
    scope="a/bn",
    moving_mean="a/bn/moving_mean",
    moving_variance="a/bn/moving_variance",
    extras=("a/bn/a/bn/moving_mean/biased", "a/bn/renorm_stddev"),
    decay=0.9,
)


def problems(before, after, batch=BATCH, variable="a/bn/moving_mean", frozen=False, **changes):
    layer = types.SimpleNamespace(**dict(vars(LAYER), **changes))
    faults = find_faults(layer, variable, before, after, batch, 7, frozen)
    return [fault.problem for fault in faults]


def test_one_bit_in_one_channel_is_a_move():
    assert problems(BEFORE, MOVED) == []
    assert problems(BEFORE, BEFORE) == [Problem.STILL]
    assert problems(BEFORE, BEFORE, batch=None) == [Problem.STILL]


def test_a_frozen_one_must_stay():
    assert problems(BEFORE, BEFORE, frozen=True) == []
    assert problems(BEFORE, MOVED, frozen=True) == [Problem.MOVED]


def test_a_decay_of_1_is_named():
    assert problems(BEFORE, BEFORE, decay=1.0) == [Problem.DECAY]
    assert problems(BEFORE, BEFORE, decay=1.0, frozen=True) == []


def test_extras_may_stand_still():
    for variable in LAYER.extras:
        before, moved = np.abs(BEFORE), np.abs(MOVED)
        assert problems(before, before, variable=variable, batch=None) == []
        assert problems(before, moved, variable=variable, frozen=True) == [Problem.MOVED]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(value):
    after = np.array([0.5, value, 2.0], np.float32)
    assert problems(BEFORE, after) == [Problem.NOT_FINITE]
    assert problems(after, after) == [Problem.NOT_FINITE]


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [
        ("a/bn/moving_variance", True),
        ("a/bn/renorm_stddev", True),
        ("a/bn/moving_mean", False),
        ("a/bn/a/bn/moving_mean/biased", False),
    ],
)
def test_a_variance_is_not_negative(variable, wrong):
    after = np.array([0.5, -1e-30, 2.0], np.float32)
    assert problems(BEFORE, after, variable=variable) == ([Problem.NEGATIVE] if wrong else [])
    zero = np.array([0.5, -0.0, 2.0], np.float32)
    assert problems(BEFORE, zero, variable=variable) == []


def test_settled_is_what_float32_updates_leave_as_it_is():
    """Against the update itself, in float32."""
    moving = np.float32([1.0, 0.3, 1e5, -7.0])
    rate = np.float32(1 - 0.999)
    assert is_settled(moving, moving, 0.999)
    near = moving * np.float32(1 + 2e-5)
    assert np.array_equal(moving - (moving - near) * rate, moving)
    assert is_settled(moving, near, 0.999)
    far = near.copy()
    far[2] = 1.001e5
    assert not np.array_equal(moving - (moving - far) * rate, moving)
    assert not is_settled(moving, far, 0.999)
    assert not is_settled(moving, near, None)
    assert not is_settled(moving, np.full(4, np.nan, np.float32), 0.999)


def test_a_dead_channel_is_settled():
    zero = np.zeros(3, np.float32)
    assert is_settled(zero, zero, 0.999)
    assert is_settled(np.full(3, 1.2e-38, np.float32), zero, 0.999)
    assert not is_settled(np.full(3, 1e-30, np.float32), zero, 0.999)
    assert is_settled(BEFORE, BEFORE.reshape(1, 3), None)


def test_ranges_in_words():
    assert describe_range(BEFORE) == "values from -1.5 to 2"
    assert describe_range(np.float32([3.0, 3.0])) == "values all 3"
    assert describe_range(np.float32([np.nan, 3.0, 4.5])) == "the others from 3 to 4.5"
    assert describe_range(np.float32([np.nan])) == "no value is finite"


def test_all_faults_are_told_once():
    broken = np.array([np.nan, -1.5, 2.0], np.float32)
    faults = find_faults(LAYER, "a/bn/moving_mean", BEFORE, BEFORE, BATCH, 7, False)
    faults += find_faults(LAYER, "a/bn/moving_mean", BEFORE, MOVED, BATCH, 7, True)
    faults += find_faults(LAYER, "a/bn/moving_variance", BEFORE, broken, BATCH, 7, False)
    assert explain_faults(faults + faults, 5) == "\n".join(
        [
            "Training does not keep the moving statistics of 1 of 5 batch-norm layers right:",
            "  'a/bn': moving_mean did not move in 7 steps; values from -1.5 to 2",
            "  'a/bn': moving_mean is frozen and moved by up to 2.38419e-07; values from -1.5 to 2",
            "  'a/bn': moving_variance is not finite in 1 of 3 values; the others from -1.5 to 2",
            "  'a/bn': moving_variance is negative in 1 of 3 values; the others from -1.5 to 2",
            "Likely cause: the train op does not run the update ops of the layers that did not "
            "move. The train op still runs the update ops of a layer that was meant to stay. A "
            "batch held NaN or infinity, or training diverged. No update makes a variance "
            "negative, so that something else assigned it, e.g. a restore under a wrong name.",
            "Fix: build the train op with slimfix.create_train_op, or name layers that are meant "
            "to stay in frozen_scopes. Hand the same frozen_scopes to slimfix.create_train_op, or "
            "build the layer with is_training=False. Look for NaN in the inputs, lower the "
            "learning rate, and go back to a checkpoint from before. Look for what else assigns "
            "it, and restore or recalibrate it.",
        ]
    )
