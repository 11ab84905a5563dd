"""Optimizer steps: TensorFlow's float32 kernels, the float64 formulas, and NumPy."""

import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.reference.optimizers import KINDS, Optimizer, as_float32, build_step, check_optimizer

STEPS = 6
# Not the defaults, so that a number that is left out shows.
SETTINGS = {"learning_rate": 0.037, "momentum": 0.8, "beta1": 0.85, "beta2": 0.97, "decay": 0.7}


def drawn(dtype):
    generator = np.random.default_rng(4)
    start = generator.normal(size=(3, 2)).astype(np.float32)
    gradients = generator.normal(size=(STEPS, 3, 2)).astype(np.float32)
    return start.astype(dtype), gradients.astype(dtype)


def by_tensorflow(optimizer, dtype):
    """The variable after each step, and another of another shape beside it."""
    import tensorflow.compat.v1 as tf

    start, gradients = drawn(dtype)
    values = []
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [
            tf.Variable(value, trainable=False, use_resource=True) for value in (start, start[0])
        ]
        fed = [tf.placeholder(dtype, variable.shape) for variable in variables]
        step = build_step(optimizer, fed, variables)
        reads = [variable.read_value() for variable in variables]
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(step, dict(zip(fed, (gradient, gradient[0]))))
            value, beside = session.run(reads)
            np.testing.assert_array_equal(beside, value[0])
            values.append(value)
    return values


def by_numpy(optimizer):
    """The formulas of tensorflow/core/kernels/training_ops.cc, from initial slots."""
    value, gradients = drawn(np.float64)
    rate, momentum, beta1, beta2, decay, epsilon = (
        as_float32(getattr(optimizer, name))
        for name in ("learning_rate", "momentum", "beta1", "beta2", "decay", "epsilon")
    )
    accum, m, v, values = 0.0, 0.0, 0.0, []
    squares = 1.0
    for t, g in enumerate(gradients, 1):
        if optimizer.kind == "sgd":
            value = value - rate * g
        elif optimizer.kind == "momentum":
            accum = momentum * accum + g
            value = value - rate * accum
        elif optimizer.kind == "adam":
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            unbiased = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
            value = value - unbiased * m / (np.sqrt(v) + epsilon)
        else:
            squares = decay * squares + (1 - decay) * g**2
            accum = momentum * accum + rate * g / np.sqrt(squares + epsilon)
            value = value - accum
        values.append(value)
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_float64_is_the_formula(kind):
    optimizer = Optimizer(kind, **SETTINGS)
    np.testing.assert_allclose(
        by_tensorflow(optimizer, np.float64), by_numpy(optimizer), rtol=1e-13, atol=1e-14
    )


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_the_formula_but_for_rounding(kind):
    optimizer = Optimizer(kind, **SETTINGS)
    found, expected = by_tensorflow(optimizer, np.float32), by_numpy(optimizer)
    assert found[0].dtype == np.float32
    rounding = STEPS * np.finfo(np.float32).eps * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=rounding)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("momentum", "momentum"), ("adam", "beta1"), ("adam", "beta2"), ("rmsprop", "decay")],
)
def test_another_setting_is_seen(kind, name):
    expected = by_numpy(Optimizer(kind, **SETTINGS))
    other = Optimizer(kind, **{**SETTINGS, name: SETTINGS[name] + 0.001})
    assert np.abs(by_tensorflow(other, np.float32)[-1] - expected[-1]).max() > 1e-5


def test_rmsprop_begins_with_ones():
    """Keras's begins with zeros: the first step is larger by far."""
    optimizer = Optimizer("rmsprop", **SETTINGS)
    start, gradients = drawn(np.float64)
    first = by_tensorflow(optimizer, np.float64)[0]
    squares = as_float32(0.7) + (1 - as_float32(0.7)) * gradients[0] ** 2
    expected = start - as_float32(0.037) * gradients[0] / np.sqrt(squares + as_float32(1e-10))
    np.testing.assert_allclose(first, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("kind", "rate", "text"),
    [
        ("adagrad", 0.1, "optimizer is 'adagrad'; want one of sgd, momentum, adam, rmsprop"),
        ("sgd", 0.0, "learning_rate is 0.0; want a positive number"),
        ("sgd", float("nan"), "learning_rate is nan"),
        ("sgd", float("inf"), "learning_rate is inf"),
    ],
)
def test_what_is_no_optimizer_is_refused(kind, rate, text):
    with pytest.raises(UsageError, match=text):
        check_optimizer(kind, rate)


def test_an_optimizer_says_what_it_is():
    assert str(Optimizer("adam", 0.001)) == "adam(learning_rate=0.001)"
    assert str(Optimizer("momentum", 0.01)) == "momentum(learning_rate=0.01, momentum=0.9)"
