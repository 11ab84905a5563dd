"""By which rule a moving statistic moved, each rule written out in NumPy."""

import numpy as np
import pytest

from slimfix.parity.diagnosis.decay import diagnose_statistic
from slimfix.parity.rows import Spread, StatisticParity
from slimfix.parity.verdicts import Level

SPREAD = Spread(0.0, 0.0, 0.0)
ROW = StatisticParity("net/bn/moving_variance", "net__bn/moving_variance", SPREAD, SPREAD)
BEFORE, BATCH = np.array([0.5, 2.0, 30.0, 0.25]), np.array([1.5, 4.0, 10.0, 1e-3])
DECAY, FACTOR = 0.9, 24 / 23
FROZEN = "it does not move: the layer is frozen, or in inference mode"
SWAPPED = "momentum 0.1, which is 1 - decay, in place of 0.9"
LAST = "the last batch's statistics in place of an average"
TWICE = "variance * N/(N-1) taken in twice"
# What 1 - decay is: in float64, rounded to float32, and subtracted in it.
RATES = (1 - DECAY, float(np.float32(1 - DECAY)), float(np.float32(1) - np.float32(DECAY)))


def moved(rate, batch):
    return BEFORE + rate * (batch - BEFORE)


def diagnose(keras, factor=1.0, rate=RATES[0]):
    return diagnose_statistic(ROW, BEFORE, moved(rate, factor * BATCH), keras, DECAY, factor)


def fitting(*arguments):
    return [trial.hypothesis for trial in diagnose(*arguments).fitting]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("factor", [1.0, FACTOR])
@pytest.mark.parametrize(
    ("keras", "named"),
    [
        (lambda: BEFORE, ["momentum 1 in place of 0.9", FROZEN]),
        (lambda: moved(1 - 0.97, BATCH), ["momentum 0.97 in place of 0.9"]),
        (lambda: moved(float(np.float32(1 - 0.97)), BATCH), ["momentum 0.97 in place of 0.9"]),
        (lambda: moved(DECAY, BATCH), ["momentum 0.1 in place of 0.9", SWAPPED]),
        (lambda: moved(float(np.float32(DECAY)), BATCH), ["momentum 0.1 in place of 0.9", SWAPPED]),
        (lambda: BATCH, ["momentum 0 in place of 0.9", LAST]),
    ],
)
def test_each_rule_is_found_and_no_other(keras, named, factor, rate):
    assert sorted(fitting(keras(), factor, rate)) == sorted(named)


@pytest.mark.parametrize("rate", RATES)
def test_a_correction_taken_in_twice(rate):
    assert fitting(moved(rate, FACTOR**2 * BATCH), FACTOR, rate) == [TWICE]
    assert TWICE not in [trial.hypothesis for trial in diagnose(BEFORE).trials]


def test_the_correction_left_out_is_no_momentum():
    """What Keras's layer does: it is excused elsewhere, and here nothing fits."""
    assert fitting(moved(RATES[0], BATCH), FACTOR) == []


def test_a_statistic_of_another_batch_fits_nothing():
    diagnosis = diagnose(moved(RATES[0], BATCH[::-1]))
    assert diagnosis.fitting == ()
    assert all(trial.error > 1e-3 for trial in diagnosis.trials)


def test_channels_that_moved_by_different_momenta_fit_nothing():
    keras = np.where([True, True, False, True], moved(0.1, BATCH), moved(0.03, BATCH))
    assert fitting(keras) == []


def test_a_record_says_where():
    diagnosis = diagnose(BEFORE)
    assert diagnosis.level is Level.TRAINING
    assert (diagnosis.layer, diagnosis.tensor) == ("net__bn", "net/bn/moving_variance")


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_a_decay_at_the_end_of_its_range(decay):
    original = decay * BEFORE + (1 - decay) * BATCH
    diagnosis = diagnose_statistic(ROW, BEFORE, original, moved(0.5, BATCH), decay, 1.0)
    fits = [trial.hypothesis for trial in diagnosis.fitting]
    # Where the original never moves, nothing tells what the batch was.
    assert fits == (["momentum 0.5 in place of 0"] if decay == 0.0 else [])
