"""End points go by tensor name, by scope or by pattern; never by a guess."""

import pytest

from slimfix.errors import UsageError
from slimfix.graphdef.view import GraphView
from slimfix.network.tensor_names import find_end_points


@pytest.fixture
def view(graph):
    """Two blocks as slim's nets have them, and what training adds."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    net = tf.placeholder(tf.float32, [None, 6, 5, 2], name="images")
    with tf.variable_scope("net"):
        for block in ("block1", "block2"):
            with tf.variable_scope(block):
                left = slim.conv2d(net, 3, [3, 2], scope="left")
                right = slim.conv2d(net, 4, 1, scope="right")
                net = tf.concat([left, right], 3, name="joined")
        with tf.variable_scope("open"):
            ends = [tf.sigmoid(net, name="a"), tf.tanh(net, name="b")]
    tf.summary.histogram("seen", ends[0])
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_mean(ends[0] * ends[1], name="loss"))
    return GraphView.from_graph_def(graph.as_graph_def(add_shapes=True))


@pytest.mark.parametrize(
    "name, found",
    [
        ("net/block1/joined", ["net/block1/joined:0"]),
        ("net/block1/joined:0", ["net/block1/joined:0"]),
        ("net/block1", ["net/block1/joined:0"]),
        ("net/block2", ["net/block2/joined:0"]),
        ("net/block2/left", ["net/block2/left/Relu:0"]),
        ("net/block./joined", ["net/block1/joined:0", "net/block2/joined:0"]),
        ("net/block1/.*/Relu", ["net/block1/left/Relu:0", "net/block1/right/Relu:0"]),
        (".*joined", ["net/block1/joined:0", "net/block2/joined:0"]),
    ],
)
def test_an_end_point_is_found(view, name, found):
    assert list(find_end_points(view, name)) == found


def test_a_scope_that_several_tensors_leave_is_open(view):
    with pytest.raises(UsageError) as caught:
        find_end_points(view, "net/open")
    assert "2 tensors of the network leave scope 'net/open'" in str(caught.value)
    assert "'net/open/a:0' (Sigmoid)\n  'net/open/b:0' (Tanh)" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["net/block3", "block1", ".*joinedd", "net/(", "net/block1/joined:x"]
)
def test_what_matches_nothing_is_refused(view, name):
    with pytest.raises(UsageError, match="The graph has no tensor"):
        find_end_points(view, name)


def test_weights_and_gradients_are_no_end_points(view):
    found = find_end_points(view, ".*left.*")
    assert found and all("weights" not in name and "gradients" not in name for name in found)


def test_measurements_do_not_read_an_end_point(graph):
    """slim's scripts summarise the sparsity of every end point."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    net = tf.placeholder(tf.float32, [None, 6, 5, 2], name="images")
    with tf.variable_scope("net/block"):
        inner = slim.conv2d(net, 3, [3, 2], scope="inner")
        net = slim.conv2d(inner, 4, 1, scope="outer")
    for end in (inner, net):
        tf.summary.scalar("sparsity", tf.nn.zero_fraction(end))
    slim.conv2d(net, 2, 1, scope="logits")
    view = GraphView.from_graph_def(graph.as_graph_def(add_shapes=True))
    assert find_end_points(view, "net/block") == ("net/block/outer/Relu:0",)
