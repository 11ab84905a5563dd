"""Level L0: what a weight is that has not the bits of its variable."""

import numpy as np
import pytest

from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.diagnosis import diagnose_weights

NORM = "digits__sepconv2__BatchNorm"


def test_right_weights_have_nothing_to_say(digits):
    assert diagnose_weights(read_dataflow(digits.migration.model), digits.migration) == {}


@pytest.mark.parametrize(("one", "other"), [("moving_mean", "moving_variance"), ("beta", "gamma")])
def test_two_weights_swapped(digits, held, refilled, one, other):
    had = held(digits.migration.model, NORM)
    model = refilled(digits.migration.model, NORM, **{one: had[other], other: had[one]})
    assert diagnose_weights(read_dataflow(model), digits.migration) == {
        f"{NORM}/{one}": f"is the {other}: the two are swapped",
        f"{NORM}/{other}": f"is the {one}: the two are swapped",
    }


def test_one_in_place_of_another(digits, held, refilled):
    """Only one of the pair is wrong, which is no swap."""
    had = held(digits.migration.model, NORM)
    model = refilled(digits.migration.model, NORM, beta=had["gamma"])
    assert diagnose_weights(read_dataflow(model), digits.migration) == {
        f"{NORM}/beta": 'holds the bits of "digits/sepconv2/BatchNorm/gamma"'
    }


def test_an_optimizer_slot(digits, refilled):
    name = "digits/conv1/weights/Momentum"
    model = refilled(
        digits.migration.model, "digits__conv1", kernel=digits.migration.checkpoint.read(name)
    )
    assert diagnose_weights(read_dataflow(model), digits.migration) == {
        "digits__conv1/kernel": f'holds the bits of "{name}"'
    }


def test_never_loaded(digits, held, refilled):
    model = refilled(digits.migration.model, NORM, moving_mean=np.zeros(20, np.float32))
    assert diagnose_weights(read_dataflow(model), digits.migration) == {
        f"{NORM}/moving_mean": "is all 0, an initial value"
    }


def test_a_model_that_lacks_layers_and_weights(digits, changed):
    import keras

    model = changed(digits.migration.model, NORM, scale=False)
    assert diagnose_weights(read_dataflow(model), digits.migration) == {}
    first = model.get_layer("digits__conv1")
    assert (
        diagnose_weights(read_dataflow(keras.Model(model.inputs, first.output)), digits.migration)
        == {}
    )
