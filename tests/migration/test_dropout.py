"""Dropout is recognised whole: what only resembles it stays out of the model, with a note."""

import pytest

from slimfix.graphdef.view import GraphView
from slimfix.network.resolve import resolve
from slimfix.network.resolved import DROPOUT


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 5, 3, 2], name="x")


def resolve_training(x, branch):
    """Resolves a conditional whose training branch is `branch(x)`."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    net = tf.cond(is_training, lambda: branch(x), lambda: tf.identity(x))
    end = tf.nn.relu(net, name="end")
    view = GraphView.from_graph_def(end.graph.as_graph_def(add_shapes=True))
    found = resolve(view, ["x:0"], ["end:0"])
    rates = [node.attr("rate") for node in found.nodes.values() if node.op == DROPOUT]
    return rates, found.notes


def half_the_rows(x):
    import tensorflow.compat.v1 as tf

    mask = tf.random_uniform([tf.shape(x)[1], 1, 1, 1]) >= 0.2
    return x / 0.8 * tf.cast(mask, tf.float32)


def unscaled(x):
    import tensorflow.compat.v1 as tf

    return x * tf.cast(tf.random_uniform(tf.shape(x)) >= 0.3, tf.float32)


def of_something_else(x):
    import tensorflow.compat.v1 as tf

    return tf.nn.dropout(tf.sigmoid(x) * 5.0, rate=0.3)


def added_noise(x):
    import tensorflow.compat.v1 as tf

    return x + tf.random_uniform(tf.shape(x)) * tf.cast(x >= 0.25, tf.float32)


def twice(x):
    import tensorflow.compat.v1 as tf

    return tf.nn.dropout(tf.nn.dropout(x, rate=0.1), rate=0.6)


def wider_numbers(x):
    import tensorflow.compat.v1 as tf

    kept = tf.random_uniform(tf.shape(x), 0.0, 2.0) >= 0.5
    return x / 0.5 * tf.cast(kept, tf.float32)


def not_random(x):
    return x * 3.0


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_is_dropout(x, rate):
    import tensorflow.compat.v1 as tf

    rates, notes = resolve_training(x, lambda x: tf.nn.dropout(x, rate=rate))
    assert rates == [pytest.approx(rate, abs=1e-7)]
    assert notes == ()


def test_dropout_of_a_known_shape_is_dropout(graph):
    """TensorFlow then writes the shape down as a constant."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [4, 5, 3], name="x")
    rates, _ = resolve_training(x, lambda x: tf.nn.dropout(x, rate=0.25))
    assert rates == [0.25]


@pytest.mark.parametrize(
    "branch",
    [half_the_rows, unscaled, of_something_else, added_noise, twice, wider_numbers, not_random],
)
def test_what_is_not_dropout_is_noted(x, branch):
    rates, notes = resolve_training(x, branch)
    assert rates == []
    assert "cond/Merge:0: what it does in training was not migrated" in notes


def test_noise_shape_is_not_keras_dropout(x):
    import tensorflow.compat.v1 as tf

    shape = [4, 1, 1, 2]
    rates, notes = resolve_training(x, lambda x: tf.nn.dropout(x, rate=0.5, noise_shape=shape))
    assert (rates, len(notes)) == ([], 1)


def drop_path(x):
    """As nasnet.py of the model zoo writes it."""
    import tensorflow.compat.v1 as tf

    kept = tf.floor(0.7 + tf.random_uniform([tf.shape(x)[0], 1, 1, 1]))
    return x * tf.cast(1.0 / 0.7, x.dtype) * kept


def whole_channels(x):
    import tensorflow.compat.v1 as tf

    shape = tf.stack([tf.shape(x)[0], 1, 1, 2])
    return tf.nn.dropout(x, rate=0.3, noise_shape=shape)


@pytest.mark.parametrize(
    "branch, noise_shape", [(drop_path, (None, 1, 1, 1)), (whole_channels, (None, 1, 1, None))]
)
def test_units_dropped_together(x, prove, branch, noise_shape):
    rates, notes = resolve_training(x, branch)
    assert rates == [pytest.approx(0.3, abs=1e-7)]
    assert notes == ()
    kinds, migration = prove(x.graph.get_tensor_by_name("end:0"))
    assert kinds == ["Dropout", "ReLU"]
    assert migration.plan.layers[0].config["noise_shape"] == noise_shape
