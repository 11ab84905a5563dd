"""find_roles: the graph overrules a variable's name, both ways."""

import pytest

from slimfix.graph.layers import view_graph
from slimfix.graph.live import describe, list_variables
from slimfix.graphdef.roles import find_roles
from slimfix.names import Role


def roles(graph):
    view = view_graph(graph)
    return find_roles(view, describe(list_variables(graph), view))


def loss_of(*variables):
    import tensorflow.compat.v1 as tf

    return tf.add_n([tf.reduce_sum(tf.tanh(each)) for each in variables])


OPTIMIZERS = {
    "MomentumOptimizer": ({"momentum": 0.9}, {"w/Mine"}),
    "AdamOptimizer": ({}, {"w/Mine", "w/Mine_1", "beta1_power", "beta2_power"}),
    "RMSPropOptimizer": ({"momentum": 0.9}, {"w/Mine", "w/Mine_1"}),
    "FtrlOptimizer": ({}, {"w/Mine", "w/Mine_1"}),
    "AdagradOptimizer": ({}, {"w/Mine"}),
    "AdadeltaOptimizer": ({}, {"w/Mine", "w/Mine_1"}),
}


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_slots_of_an_optimizer_of_any_name(graph, variable_kind, optimizer):
    """The name of a slot is the name of its optimizer, which is the user's to choose."""
    import tensorflow.compat.v1 as tf

    arguments, slots = OPTIMIZERS[optimizer]
    w = tf.get_variable("w", [2, 3])
    step = tf.train.get_or_create_global_step()
    rate = tf.get_variable("rate", initializer=0.25, trainable=False)
    getattr(tf.train, optimizer)(rate, name="Mine", **arguments).minimize(loss_of(w), step)
    found = roles(graph)
    assert {name for name, role in found.items() if role is Role.OPTIMIZER_SLOT} == slots
    assert found["w"] is Role.WEIGHT
    assert found["rate"] is Role.WEIGHT
    assert found["global_step"] is Role.STEP


def test_sparse_gradients_have_slots_too(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    w = tf.get_variable("w", [5, 3])
    tf.train.MomentumOptimizer(0.1, 0.9, name="Mine").minimize(
        tf.reduce_sum(tf.tanh(tf.gather(w, [1, 3])))
    )
    assert roles(graph) == {"w": Role.WEIGHT, "w/Mine": Role.OPTIMIZER_SLOT}


@pytest.mark.parametrize("name", ["conv/weights/Momentum", "conv/weights/ExponentialMovingAverage"])
@pytest.mark.parametrize("trained", [True, False])
def test_a_weight_called_like_a_slot_stays_a_weight(graph, variable_kind, name, trained):
    import tensorflow.compat.v1 as tf

    weights = tf.get_variable("conv/weights", [2, 3])
    tricky = tf.get_variable(name, [2, 3])
    loss = loss_of(weights, tricky)
    if trained:
        tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    assert roles(graph) == {"conv/weights": Role.WEIGHT, name: Role.WEIGHT}


def test_a_result_may_be_handed_on_by_an_identity(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    tf.get_variable("w", [2, 3])
    tricky = tf.get_variable("w/Momentum", [2, 3])
    tf.identity(tf.squeeze(tf.tanh(tricky)), name="logits")
    assert roles(graph)["w/Momentum"] is Role.WEIGHT


def test_a_loss_that_only_an_average_reads_keeps_its_weights(graph, variable_kind):
    """Nothing but assignments comes after the loss; the gradients tell."""
    import tensorflow.compat.v1 as tf

    tf.get_variable("w", [2, 3])
    tricky = tf.get_variable("w/Momentum", [2, 3])
    loss = loss_of(tricky)
    with tf.control_dependencies([tf.train.ExponentialMovingAverage(0.9).apply([loss])]):
        tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    assert roles(graph)["w/Momentum"] is Role.WEIGHT


def test_an_optimizer_written_in_python(graph, variable_kind):
    """It holds its slots through no Apply op; summaries and Savers look at them besides."""
    import tensorflow.compat.v1 as tf

    w = tf.get_variable("w", [2, 3])
    slot = tf.get_variable("w/Momentum", [2, 3], trainable=False)
    gradient = tf.gradients(loss_of(w), w)[0]
    moved = tf.assign(slot, slot * 0.9 + gradient)
    tf.assign_sub(w, 0.1 * moved)
    tf.summary.histogram("slot", slot)
    tf.train.Saver(sharded=True)
    tf.report_uninitialized_variables()
    assert roles(graph) == {"w": Role.WEIGHT, "w/Momentum": Role.OPTIMIZER_SLOT}


def test_shadows(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    w = tf.get_variable("w", [2, 3])
    average = tf.train.ExponentialMovingAverage(0.9)
    average.apply([w])
    loss_of(w)
    assert roles(graph)["w/ExponentialMovingAverage"] is Role.SHADOW
    loss_of(average.average(w))  # Now a result is computed from the shadow.
    assert roles(graph)["w/ExponentialMovingAverage"] is Role.WEIGHT


def test_what_only_a_metric_reads_is_a_result(graph, variable_kind):
    """The evaluation of a network that is built from its shadows has no other result."""
    import tensorflow.compat.v1 as tf

    w = tf.get_variable("w", [2, 3])
    average = tf.train.ExponentialMovingAverage(0.9)
    average.apply([w])
    tf.metrics.accuracy(tf.zeros([2], tf.int64), tf.argmax(average.average(w), axis=1))
    assert roles(graph)["w/ExponentialMovingAverage"] is Role.WEIGHT


def test_parts_of_a_partitioned_variable_count_as_one(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    w = tf.get_variable("w", [5, 3], partitioner=tf.fixed_size_partitioner(2))
    tf.train.MomentumOptimizer(0.1, 0.9, name="Mine").minimize(loss_of(tf.convert_to_tensor(w)))
    assert roles(graph) == {"w": Role.WEIGHT, "w/Mine": Role.OPTIMIZER_SLOT}


def test_a_step_of_any_name(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    keys = [tf.GraphKeys.GLOBAL_STEP, tf.GraphKeys.GLOBAL_VARIABLES]
    tf.get_variable("count", initializer=0, trainable=False, collections=keys)
    tf.get_variable("other", initializer=0, trainable=False)
    assert roles(graph) == {"count": Role.STEP, "other": Role.WEIGHT}
