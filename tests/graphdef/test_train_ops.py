"""What makes a graph one that trains, and what does not."""

import pytest

from slimfix.graphdef.batch_norm import find_batch_norm_layers
from slimfix.graphdef.train_ops import has_train_op
from slimfix.graphdef.view import GraphView


def with_optimizer(tf, slim, loss):
    tf.train.AdamOptimizer(1e-3).minimize(loss)


def by_hand(tf, slim, loss):
    """Gradient descent without an optimizer."""
    weights = tf.trainable_variables()
    for weight, gradient in zip(weights, tf.gradients(loss, weights)):
        tf.assign_sub(weight, 0.1 * gradient)


def accumulated(tf, slim, loss):
    """Whose sum another op, in another graph perhaps, applies."""
    for gradient in tf.gradients(loss, tf.trainable_variables()):
        tf.assign_add(tf.get_variable(f"sum_{gradient.op.name}", gradient.shape), gradient)


def nothing(tf, slim, loss):
    """Update ops of the batch norm are there all the same."""


def saliency(tf, slim, loss):
    """A gradient that is looked at."""
    tf.identity(tf.gradients(loss, tf.get_default_graph().get_tensor_by_name("x:0"))[0])


def averages(tf, slim, loss):
    """Shadows are made of weights, not of gradients."""
    tf.train.ExponentialMovingAverage(0.9).apply(tf.trainable_variables())


def updates_that_run(tf, slim, loss):
    tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS), name="update")


@pytest.mark.parametrize(
    "build, trains",
    [
        (with_optimizer, True),
        (by_hand, True),
        (accumulated, True),
        (nothing, False),
        (saliency, False),
        (averages, False),
        (updates_that_run, False),
    ],
)
def test_has_train_op(graph, variable_kind, build, trains):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    net = slim.fully_connected(x, 3, normalizer_fn=slim.batch_norm)
    build(tf, slim, tf.reduce_sum(tf.square(net)))
    tf.train.Saver()
    view = GraphView.from_graph_def(graph.as_graph_def())
    assert has_train_op(view, find_batch_norm_layers(view)) is trains


def test_a_gradient_in_the_network(graph, variable_kind):
    """Of what is normalised behind it the statistics come from gradients; they train nothing."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    (slope,) = tf.gradients(slim.fully_connected(x, 3, activation_fn=tf.sigmoid), x)
    slim.batch_norm(slope, is_training=True)
    view = GraphView.from_graph_def(graph.as_graph_def())
    (layer,) = find_batch_norm_layers(view)
    assert layer.update_ops and not has_train_op(view, [layer])
