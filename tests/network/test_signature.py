"""Inputs and outputs are found where the graph leaves no doubt, and listed where it does."""

import pytest

from slimfix.errors import MigrationError, UsageError
from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.view import GraphView
from slimfix.network.signature import find_signature


def view_of(graph):
    return GraphView.from_graph_def(graph.as_graph_def(add_shapes=True))


@pytest.fixture
def digits(golden):
    return GraphView.from_graph_def(read_meta(golden("digits/good").meta).graph_def)


def test_the_training_graph_of_the_digits_net_leaves_no_doubt(digits):
    found = find_signature(digits)
    assert found.inputs == ("images:0",)
    assert found.outputs == ("digits/logits/BiasAdd:0",)


def test_names_may_leave_out_the_output_index(digits):
    found = find_signature(digits, outputs=["digits/pool1/MaxPool"])
    assert found.outputs == ("digits/pool1/MaxPool:0",)
    assert found.inputs == ("images:0",)


def test_near_names_are_suggested_not_guessed(digits):
    with pytest.raises(UsageError) as caught:
        find_signature(digits, inputs=["image:0"])
    assert "The graph has no tensor 'image:0'; near names:\n  'images:0' (Placeholder)" in str(
        caught.value
    )


@pytest.mark.parametrize("name", ["images:x", "images:", "nowhere", "images:0:0"])
def test_what_is_no_tensor_name_is_refused(digits, name):
    with pytest.raises(UsageError, match="has no tensor"):
        find_signature(digits, outputs=[name])


def test_two_heads_are_both_listed(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    hidden = tf.nn.relu(dense(x, 4))
    dense(hidden, 2, "age")
    dense(hidden, 5, "name")
    with pytest.raises(UsageError) as caught:
        find_signature(view_of(graph))
    assert "2 candidates for the output" in str(caught.value)
    assert "  age/BiasAdd:0 (BiasAdd)\n  name/BiasAdd:0 (BiasAdd)" in str(caught.value)
    assert "--outputs=NAME:0" in str(caught.value)


def dense(x, width, scope="dense"):
    import tensorflow.compat.v1 as tf

    with tf.variable_scope(scope):
        kernel = tf.get_variable("kernel", [x.shape[1], width])
        bias = tf.get_variable("bias", [width])
        return tf.nn.bias_add(tf.matmul(x, kernel), bias)


def test_two_inputs_are_both_listed(graph):
    import tensorflow.compat.v1 as tf

    left = tf.placeholder(tf.float32, [None, 3], name="left")
    right = tf.placeholder(tf.float32, [None, 2], name="right")
    tf.add(dense(left, 4, "a"), dense(right, 4, "b"))
    with pytest.raises(UsageError) as caught:
        find_signature(view_of(graph))
    assert "  left:0 (Placeholder)\n  right:0 (Placeholder)" in str(caught.value)


def test_labels_summaries_and_metrics_are_no_part_of_the_network(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    labels = tf.placeholder(tf.float32, [None, 4], name="labels")
    logits = dense(x, 4)
    tf.summary.histogram("logits", logits)
    tf.equal(tf.argmax(logits, 1), tf.argmax(labels, 1))
    loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_mean(loss))
    found = find_signature(view_of(graph))
    assert (found.inputs, found.outputs) == (("x:0",), ("dense/BiasAdd:0",))


def test_sparsity_summaries_are_no_outputs(graph):
    """slim's training scripts summarise tf.nn.zero_fraction of every end point, logits too."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    hidden = tf.nn.relu(dense(x, 4, "hidden"), name="active")
    logits = dense(hidden, 5, "logits")
    for end in (hidden, logits):
        tf.summary.scalar("sparsity", tf.nn.zero_fraction(end))
        tf.summary.scalar("mean", tf.reduce_mean(end))
    found = find_signature(view_of(graph))
    assert found.outputs == ("logits/BiasAdd:0",)


def test_a_scalar_in_the_scope_of_the_network_takes_nothing_with_it(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    with tf.variable_scope("net"):
        logits = dense(x, 4, "logits")
        tf.reduce_mean(tf.square(logits), name="energy")
    with pytest.raises(UsageError) as caught:
        find_signature(view_of(graph), outputs="net/nothing")
    assert "has no tensor" in str(caught.value)
    assert find_signature(view_of(graph)).outputs == ("net/Square:0",)


def test_a_graph_that_makes_its_own_inputs_says_so(graph):
    import tensorflow.compat.v1 as tf

    dense(tf.random.uniform([4, 3]), 2)
    with pytest.raises(MigrationError) as caught:
        find_signature(view_of(graph))
    assert "nothing that is fed, or handed out in batches, reaches a layer" in str(caught.value)


def test_what_only_has_the_shape_of_an_output_is_none(graph):
    """The labels of a GAN are such."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    net = tf.nn.relu(dense(x, 4), name="net")
    tf.ones_like(net), tf.zeros_like(net)
    tf.ones([tf.shape(net)[0], 2])
    assert find_signature(view_of(graph)).outputs == ("net:0",)


def test_an_assertion_on_the_network_is_no_output(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    net = tf.nn.relu(dense(x, 4), name="net")
    tf.Assert(tf.shape(net)[0] > 0, [net, tf.shape(net)])
    assert find_signature(view_of(graph)).outputs == ("net:0",)
