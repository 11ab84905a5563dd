"""Why a layer rounds more than the original."""

import numpy as np

from slimfix.parity.diagnosis import rounding_cause


def batch_norm(mean, variance, epsilon=1e-3):
    import keras

    layer = keras.layers.BatchNormalization(epsilon=epsilon)
    layer.build((None, len(mean)))
    layer.moving_mean.assign(np.array(mean, np.float32))
    layer.moving_variance.assign(np.array(variance, np.float32))
    return layer


def test_channel_means_beside_the_deviation():
    layer = batch_norm([3.0, -1024.0, 0.0], [1.0, 3.999, 0.5])
    assert rounding_cause(layer) == (
        "channel means up to 512 times the standard deviation: float32 loses 9 bits in x - mean"
    )


def test_epsilon_is_part_of_the_deviation():
    """A channel without variance: sqrt(1e-4) is 0.01, and 5 / 0.01 is 500."""
    assert "up to 500 times" in rounding_cause(batch_norm([5.0], [0.0], epsilon=1e-4))


def test_ordinary_means_are_no_cause():
    assert rounding_cause(batch_norm([1.0, -3.0], [1.0, 1.0])) == ""


def test_other_layers_have_none():
    import keras

    assert rounding_cause(keras.layers.ReLU()) == ""
    dense = keras.layers.Dense(3)
    dense.build((None, 2))
    assert rounding_cause(dense) == ""
