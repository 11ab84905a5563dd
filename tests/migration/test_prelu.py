"""The parametric ReLU in the forms people write it in; and what only looks like it."""

import numpy as np
import pytest

FORMS = {
    "half_difference": lambda tf, x, a: tf.nn.relu(x) + a * (x - tf.abs(x)) * 0.5,
    "half_first": lambda tf, x, a: tf.nn.relu(x) + 0.5 * (a * (x - tf.abs(x))),
    "minimum": lambda tf, x, a: tf.maximum(x, 0.0) + a * tf.minimum(x, 0.0),
    "minus": lambda tf, x, a: tf.nn.relu(x) - a * tf.nn.relu(-x),
    "keras": lambda tf, x, a: tf.nn.relu(x) + -a * tf.nn.relu(-x),
    "swapped": lambda tf, x, a: tf.minimum(0.0, x) * a + tf.maximum(0.0, x),
    "where": lambda tf, x, a: tf.where(x > 0.0, x, a * x),
}
SHAPES = {(4,): [1, 2], (7, 5, 4): None, (1, 1, 4): [1, 2], (1,): [1, 2, 3], (): [1, 2, 3]}


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("shape", SHAPES)
def test_is_a_layer(x, prove, variable_kind, form, shape):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    regularizer = slim.l2_regularizer(0.02)
    with tf.variable_scope("net/act"):
        alpha = tf.get_variable("alpha", shape, regularizer=regularizer)
    kinds, migration = prove(FORMS[form](tf, x, alpha))
    assert kinds == ["PReLU"]
    layer = migration.model.get_layer("net__act")
    assert layer.shared_axes == SHAPES[shape]
    assert float(layer.alpha_regularizer.l2) == pytest.approx(0.01)


LOOKALIKES = {
    "whole_difference": lambda tf, x, c: tf.nn.relu(x) + c * (x - tf.abs(x)),
    "other_tensor": lambda tf, x, c: tf.nn.relu(x) + c * tf.minimum(tf.sin(x), 0.0),
    "wrong_sign": lambda tf, x, c: tf.nn.relu(x) - c * tf.minimum(x, 0.0),
    "other_threshold": lambda tf, x, c: tf.where(x > 0.1, x, c * x),
}


@pytest.mark.parametrize("form", sorted(LOOKALIKES))
def test_what_only_looks_like_it_is_computed_as_it_is(x, prove, form):
    import tensorflow.compat.v1 as tf

    constant = np.array([0.25, -0.5, 0.75, 0.1], np.float32)
    kinds, _ = prove(LOOKALIKES[form](tf, x, constant))
    assert "PReLU" not in kinds
