"""create_train_op: the same step as tf-slim's, and every way in which it refuses."""

import numpy as np
import pytest

from slimfix import create_train_op, slim
from slimfix.errors import UpdateOpsError
from slimfix.graphdef.view import GraphView

BATCHES = np.random.RandomState(5).normal(1.5, 2.0, size=(4, 7, 6)).astype(np.float32)
WEIGHTS = np.linspace(-0.9, 1.1, 24).reshape(6, 4).astype(np.float32)
DECAY = 0.75


def build_net(is_training, scope="net", **arguments):
    """Returns (x, loss): a dense layer of known weights, batch norm, and a loss."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name=scope + "_x")
    normalizer_params = dict({"is_training": is_training, "decay": DECAY}, **arguments)
    y = slim.fully_connected(
        x,
        4,
        weights_initializer=tf.constant_initializer(WEIGHTS),
        normalizer_fn=slim.batch_norm,
        normalizer_params=normalizer_params,
        activation_fn=tf.sigmoid,
        scope=scope,
    )
    return x, tf.reduce_mean(tf.square(y - 0.3))


def momentum():
    import tensorflow.compat.v1 as tf

    return tf.train.MomentumOptimizer(0.5, 0.9)


def run_steps(x, train_op):
    """Returns the losses of four steps, and every variable after them, by name."""
    import tensorflow.compat.v1 as tf

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = [session.run(train_op, {x: batch}) for batch in BATCHES]
        values = session.run({each.op.name: each for each in tf.global_variables()})
    return losses, values


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clip_gradient_norm": 0.01},
        {"gradient_multipliers": {"net/weights": 0.25}},
        {"global_step": None},
        {"summarize_gradients": True, "check_numerics": False},
    ],
    ids=str,
)
def test_same_steps_as_tf_slim(graph, variable_kind, options):
    import tensorflow.compat.v1 as tf

    x, loss = build_net(True, zero_debias_moving_mean=True)
    ours = run_steps(x, create_train_op(loss, momentum(), **options))
    with tf.Graph().as_default():
        x, loss = build_net(True, zero_debias_moving_mean=True)
        theirs = run_steps(x, slim.learning.create_train_op(loss, momentum(), **options))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
    assert set(ours[1]) == set(theirs[1])
    for name, value in theirs[1].items():
        np.testing.assert_allclose(ours[1][name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    assert ours[0][3] < ours[0][0]


def test_transform_grads_fn_is_applied(graph):
    import tensorflow.compat.v1 as tf

    x, loss = build_net(True)
    train_op = create_train_op(
        loss,
        tf.train.GradientDescentOptimizer(0.5),
        transform_grads_fn=lambda pairs: [(gradient * 0, variable) for gradient, variable in pairs],
    )
    np.testing.assert_array_equal(run_steps(x, train_op)[1]["net/weights"], WEIGHTS)


def test_positional_arguments_are_those_of_tf_slim(graph):
    import tensorflow.compat.v1 as tf

    x, loss = build_net(True)
    step = tf.get_variable("my_step", [], tf.int64, tf.zeros_initializer(), trainable=False)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    beta = [each for each in tf.trainable_variables() if each.op.name.endswith("beta")]
    train_op = create_train_op(loss, momentum(), step, updates, beta, 0.5)
    values = run_steps(x, train_op)[1]
    assert values["my_step"] == 4
    np.testing.assert_array_equal(values["net/weights"], WEIGHTS)
    assert train_op in tf.get_collection(tf.GraphKeys.TRAIN_OP)


WORLDS = ["ref", "resource", "resource and control flow version 2"]


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
@pytest.mark.parametrize("switched", [True, False])
@pytest.mark.parametrize("arguments", [{}, {"updates_collections": None}], ids=["given", "forced"])
def test_updates_run_once_for_each_step(graph, variable_kind, switched, arguments):
    """With a learning rate of 0 the statistics follow a closed form, in float64 NumPy."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder_with_default(True, []) if switched else True
    x, loss = build_net(is_training, **arguments)
    values = run_steps(x, create_train_op(loss, tf.train.GradientDescentOptimizer(0.0)))[1]
    mean, variance = np.zeros(4), np.ones(4)
    for batch in BATCHES.astype(np.float64) @ WEIGHTS.astype(np.float64):
        mean = DECAY * mean + (1 - DECAY) * batch.mean(axis=0)
        variance = DECAY * variance + (1 - DECAY) * batch.var(axis=0, ddof=1)
    np.testing.assert_allclose(values["net/BatchNorm/moving_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(values["net/BatchNorm/moving_variance"], variance, rtol=1e-5)
    assert values["global_step"] == 4


def test_gradients_do_not_wait_for_the_updates(graph):
    _, loss = build_net(True)
    create_train_op(loss, momentum())
    view = GraphView.from_graph_def(graph.as_graph_def())
    applied = [name for name, node in view.nodes.items() if "ApplyMomentum" in node.op]
    assigned = {name for name in view.nodes if "AssignMovingAvg" in name}
    assert applied and assigned
    assert not view.ancestors(applied) & assigned


def refusal(graph, loss, **options):
    """Returns the text of the UpdateOpsError, and checks that the graph is as it was."""
    before = len(graph.get_operations())
    with pytest.raises(UpdateOpsError) as error:
        create_train_op(loss, momentum(), **options)
    assert len(graph.get_operations()) == before
    return str(error.value)


def test_tf_slim_itself_loses_the_statistics(graph):
    """What the refusals below are for: without them training runs, and the statistics stay 0."""
    x, loss = build_net(True)
    values = run_steps(x, slim.learning.create_train_op(loss, momentum(), update_ops=[]))[1]
    np.testing.assert_array_equal(values["net/BatchNorm/moving_mean"], np.zeros(4))


def test_refuses_updates_left_out(graph, variable_kind):
    _, loss = build_net(True)
    text = refusal(graph, loss, update_ops=[])
    first = "net/BatchNorm/AssignMovingAvg"
    assert text.startswith(
        "The train op would not update the moving statistics of 1 of 1 batch-norm layers"
    )
    assert f"'net/BatchNorm': in training mode; not run: '{first}" in text
    assert "in the collection 'update_ops', on which the train op does not depend" in text
    assert "Likely cause: the updates were left out, or collected elsewhere" in text
    assert "Fix: leave update_ops at None" in text


def test_refuses_one_of_two_updates_left_out(graph):
    import tensorflow.compat.v1 as tf

    _, loss = build_net(True)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    text = refusal(graph, loss, update_ops=updates[1:])
    assert "not run: 'net/BatchNorm/AssignMovingAvg" in text
    assert "AssignMovingAvg_1" not in text


def test_refuses_another_collection(graph):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="phase")
    _, loss = build_net(is_training, updates_collections="other")
    text = refusal(graph, loss)
    assert "'net/BatchNorm': switched by 'phase:0'; not run: " in text
    assert "found in the collection 'other', not in 'update_ops'" in text
    create_train_op(loss, momentum(), update_ops=tf.get_collection("other"))


def test_refuses_updates_inside_a_branch(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    loss = tf.cond(
        tf.placeholder(tf.bool, []),
        lambda: tf.reduce_sum(slim.batch_norm(x, is_training=True, scope="bn")),
        lambda: tf.constant(0.5),
    )
    text = refusal(graph, loss)
    assert text.startswith("Cannot run 2 of 2 update ops with the train op")
    assert "made inside a branch; updates 'bn'" in text
    assert "tf.cond" in text and "updates_collections=None" in text


def test_refuses_a_layer_that_nothing_updates(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    mean = tf.get_variable("running/mean", [6], trainable=False)
    variance = tf.get_variable("running/variance", [6], trainable=False)
    training = tf.placeholder(tf.bool, [], name="training")
    batch = tf.nn.moments(x, [0])
    used = tf.cond(training, lambda: batch, lambda: (mean.value(), variance.value()))
    beta = tf.get_variable("beta", [6])
    y = tf.nn.batch_normalization(x, used[0], used[1], beta, None, 0.01)
    text = refusal(graph, tf.reduce_sum(y))
    assert "'running': switched by 'training:0'; no op of the graph updates its statistics" in text


@pytest.mark.parametrize("variable_kind", ["resource"], indirect=True)
def test_refuses_what_it_cannot_read(graph, variable_kind):
    """tf.switch_case of control flow version 2: functions that slimfix does not open."""
    import tensorflow.compat.v1 as tf

    tf.enable_control_flow_v2()
    x = tf.placeholder(tf.float32, [None, 6])
    y = slim.batch_norm(x, scope="bn", is_training=False)
    which = tf.placeholder(tf.int32, [], name="which")

    def again():
        return slim.batch_norm(x, scope="bn", is_training=True, reuse=True)

    loss = tf.reduce_sum(tf.switch_case(which, [again, again, lambda: y]))
    text = refusal(graph, loss, update_ops=[])
    assert text.startswith("Cannot check the update ops: 1 of ")
    assert "(Case)" in text or "(StatelessCase)" in text
    assert "Fix: call tf.disable_control_flow_v2() before the graph is built." in text


def test_other_networks_and_inference_are_not_demanded(graph):
    build_net(True, scope="other")
    _, loss = build_net(False, scope="this")
    create_train_op(loss, momentum(), update_ops=[])


def test_updates_of_one_tower_do_for_shared_statistics(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    losses = [
        tf.reduce_sum(slim.batch_norm(x + tower, scope="bn", reuse=tower > 0)) for tower in (0, 1)
    ]
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    create_train_op(losses[0] + losses[1], momentum(), update_ops=updates[:2])
    assert "2 of 2" in refusal(graph, losses[0] + losses[1], update_ops=[])
