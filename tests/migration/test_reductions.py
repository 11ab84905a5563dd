"""Reductions over axes, against the graph in float64."""

import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert


@pytest.mark.parametrize("axis", [1, -1, [1, 2], [2, -1], [1, 2, 3], []])
@pytest.mark.parametrize("keepdims", [True, False])
def test_reduced(x, prove, axis, keepdims):
    import tensorflow.compat.v1 as tf

    reduced = [
        reduce(x, axis, keepdims=keepdims)
        for reduce in (tf.reduce_mean, tf.reduce_max, tf.reduce_min, tf.reduce_sum, tf.reduce_prod)
    ]
    tests = [reduce(x > -9.0, axis, keepdims) for reduce in (tf.reduce_all, tf.reduce_any)]
    kinds, _ = prove(*reduced, *tests)
    pooled = {"GlobalAveragePooling2D", "GlobalMaxPooling2D"}
    assert pooled <= set(kinds) if axis == [1, 2] else not pooled & set(kinds)


@pytest.mark.parametrize("axis", [[0], None, [0, 1]])
def test_over_the_batch_is_refused(x, saved, axis):
    import tensorflow.compat.v1 as tf

    net = tf.reduce_mean(x, axis) * 2.0
    with pytest.raises(UnsupportedOpError, match="  Mean "):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_the_batch_is_found_on_another_axis(x, saved, prove):
    import tensorflow.compat.v1 as tf

    turned = tf.transpose(x, [1, 0, 2, 3])
    over_batch = tf.reduce_sum(turned, [1])
    prove(tf.reduce_mean(turned, [0, 2]))
    with pytest.raises(UnsupportedOpError, match="  Sum "):
        convert(saved(), inputs=["x:0"], outputs=[over_batch.name])


def test_places_of_extremes(x, prove):
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(
        tf.cast(tf.argmax(x, 3), tf.float32),
        tf.cast(tf.argmin(x, 1, output_type=tf.int32), tf.float32),
    )
    assert {"argmax", "argmin"} <= set(kinds)


def test_moments_and_log_sum(x, prove):
    import tensorflow.compat.v1 as tf

    mean, variance = tf.nn.moments(x, [1, 2])
    prove(mean, variance, tf.reduce_logsumexp(x, [3]))


@pytest.mark.parametrize("kind", ["Sum", "Prod"])
def test_sums_that_overflow_are_refused(graph, saved, kind):
    """TensorFlow adds uint8 as uint8, Keras as a wider integer."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.uint8, [None, 5], name="x")
    reduce = {"Sum": tf.reduce_sum, "Prod": tf.reduce_prod}[kind]
    net = tf.cast(reduce(x, 1), tf.float32)
    with pytest.raises(UnsupportedOpError, match=f"  {kind} "):
        convert(saved(), inputs=["x:0"], outputs=[net.name])
