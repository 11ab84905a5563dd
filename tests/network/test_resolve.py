"""Conditionals are resolved to inference mode, whatever the switch is called."""

import numpy as np
import pytest

from slimfix.graphdef.view import GraphView
from slimfix.network.resolve import resolve
from slimfix.network.resolved import DROPOUT


def resolved(graph, output):
    view = GraphView.from_graph_def(graph.as_graph_def(add_shapes=True))
    return resolve(view, ["x:0"], [output.name])


def ops(found):
    return [node.op for node in found.nodes.values()]


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 5, 3, 2], name="x")


def batch_norm(x, is_training, **arguments):
    from slimfix import slim

    return slim.batch_norm(x, is_training=is_training, scope="bn", **arguments)


@pytest.mark.parametrize("arguments", [{}, {"fused": False}, {"updates_collections": None}])
def test_is_training_becomes_false(x, graph, variable_kind, arguments):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    found = resolved(graph, batch_norm(x, is_training, **arguments))
    assert dict(found.switches) == {"is_training:0": False}
    assert set(found.variables.values()) == {"bn/beta", "bn/moving_mean", "bn/moving_variance"}
    assert not {"Switch", "Merge", "SquaredDifference"} & set(ops(found))


def test_is_inference_becomes_true(x, graph):
    import tensorflow.compat.v1 as tf

    is_inference = tf.placeholder(tf.bool, [], name="is_inference")
    found = resolved(graph, batch_norm(x, tf.logical_not(is_inference)))
    assert dict(found.switches) == {"is_inference:0": True}
    assert set(found.variables.values()) == {"bn/beta", "bn/moving_mean", "bn/moving_variance"}


def test_two_switches_are_chosen_one_by_one(x, graph):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    training = tf.placeholder_with_default(True, [], name="training")
    frozen = tf.placeholder(tf.bool, [], name="frozen")
    net = batch_norm(x, tf.logical_not(frozen))
    net = slim.dropout(net, 0.75, is_training=training)
    found = resolved(graph, net)
    assert dict(found.switches) == {"training:0": False, "frozen:0": True}
    assert DROPOUT in ops(found)


@pytest.mark.parametrize("rate", [0.2, 0.75])
def test_dropout_is_kept_with_its_rate(x, graph, rate):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    net = slim.dropout(x, keep_prob=1 - rate, is_training=is_training, scope="drop")
    found = resolved(graph, tf.nn.relu(net))
    (dropout,) = [node for node in found.nodes.values() if node.op == DROPOUT]
    assert dropout.attr("rate") == pytest.approx(rate, abs=1e-7)
    assert dropout.inputs == ("x:0",)


def test_dropout_of_tensorflow_before_1_13(x, graph):
    """Written out as it was: x / keep_prob * floor(keep_prob + random_uniform)."""
    import tensorflow.compat.v1 as tf

    def dropped():
        keep_prob = tf.constant(0.7)
        kept = tf.floor(keep_prob + tf.random_uniform(tf.shape(x)))
        return tf.div(x, keep_prob) * kept

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    net = tf.cond(is_training, dropped, lambda: tf.identity(x))
    found = resolved(graph, tf.nn.relu(net))
    (dropout,) = [node for node in found.nodes.values() if node.op == DROPOUT]
    assert dropout.attr("rate") == 0.3


def test_a_conditional_that_drops_nothing_is_no_dropout(x, graph):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    net = tf.cond(is_training, lambda: x * 3.0, lambda: tf.identity(x))
    assert ops(resolved(graph, tf.nn.relu(net))) == ["Relu"]


def test_nested_conditionals(x, graph):
    import tensorflow.compat.v1 as tf

    outer = tf.placeholder(tf.bool, [], name="outer")
    inner = tf.placeholder(tf.bool, [], name="inner")
    net = tf.cond(
        outer,
        lambda: tf.nn.elu(x),
        lambda: tf.cond(inner, lambda: tf.nn.relu(x), lambda: tf.nn.softplus(x)),
    )
    assert ops(resolved(graph, net)) == ["Softplus"]


def test_constant_conditions_need_no_switch(x, graph):
    import tensorflow.compat.v1 as tf

    condition = tf.logical_or(tf.constant(False), tf.logical_not(tf.constant(False)))
    net = tf.cond(tf.identity(condition), lambda: tf.nn.relu(x), lambda: tf.nn.elu(x))
    found = resolved(graph, net)
    assert ops(found) == ["Relu"]
    assert dict(found.switches) == {}


def test_a_condition_on_data_is_left_for_the_planner_to_refuse(x, graph):
    import tensorflow.compat.v1 as tf

    net = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.nn.relu(x), lambda: tf.nn.elu(x))
    assert {"Merge", "Relu", "Elu"} <= set(ops(resolved(graph, net)))


def test_a_cut_inside_the_graph_needs_nothing_above(x, graph):
    import tensorflow.compat.v1 as tf

    middle = tf.nn.relu(tf.nn.elu(x), name="middle")
    end = tf.nn.softplus(tf.identity(middle), name="end")
    view = GraphView.from_graph_def(graph.as_graph_def())
    found = resolve(view, ["middle:0"], [end.name])
    assert ops(found) == ["Softplus"]
    assert found.nodes["end"].inputs == ("middle:0",)


def test_deep_graphs_do_not_hit_the_recursion_limit(x, graph):
    import tensorflow.compat.v1 as tf

    net = x
    for _ in range(3000):
        net = tf.nn.relu(net)
    assert len(resolved(graph, net).nodes) == 3000


def test_aliases_lead_from_every_name_to_the_one_kept(x, graph):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    net = tf.identity(batch_norm(x, is_training), name="named")
    found = resolved(graph, net)
    kept = found.aliases["named:0"]
    assert found.nodes[kept.partition(":")[0]].op == "FusedBatchNormV3"
    assert found.outputs == (kept,)
    assert np.all([found.aliases[t] == t for t in found.inputs])


@pytest.mark.parametrize("combine", ["logical_and", "logical_or"])
def test_one_side_may_decide_alone(x, graph, combine):
    """`is_training and step < 1000` is False in inference, whatever the step."""
    import tensorflow.compat.v1 as tf

    switch = tf.placeholder(tf.bool, [], name="switch")
    young = tf.less(tf.train.get_or_create_global_step(), 1000)
    both = getattr(tf, combine)(switch, young)
    noise = tf.random.normal(tf.shape(x))
    branches = [lambda: x + noise, lambda: x * 2.0]
    found = resolved(
        graph, tf.cond(both, *(branches if combine == "logical_and" else branches[::-1]))
    )
    assert ops(found) == ["Const", "Mul"]
    assert dict(found.switches) == {"switch:0": combine == "logical_or"}
