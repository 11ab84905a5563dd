"""Towers that share batch norms: one update for each statistic, against NumPy in float64."""

import numpy as np
import pytest

from slimfix import create_train_op, slim, verify_train_op, with_update_ops
from slimfix.errors import UpdateOpsError, UsageError

DECAY = 0.75
RATE = 1 - DECAY
# Three towers of different sizes and of means far apart, so that merging shows.
BATCHES = [
    np.random.RandomState(seed).normal(mean, 1.0 + seed, size=(size, 3, 2, 4)).astype(np.float32)
    for seed, mean, size in ((0, 5.0, 2), (1, -3.0, 5), (2, 1.0, 3))
]
START_MEAN = np.linspace(0.5, 1.25, 4)
START_VARIANCE = np.linspace(2.0, 3.5, 4)


def build(is_training=True, scopes=("bn", "bn", "bn"), **arguments):
    """Returns (placeholders, loss) of three towers on the same layer."""
    import tensorflow.compat.v1 as tf

    start = {
        "moving_mean": tf.constant_initializer(START_MEAN),
        "moving_variance": tf.constant_initializer(START_VARIANCE),
    }
    towers = [tf.placeholder(tf.float32, [None, 3, 2, 4], name=f"x{i}") for i in range(3)]
    outputs = [
        slim.batch_norm(
            x,
            decay=DECAY,
            is_training=is_training,
            scope=scope,
            reuse=tf.AUTO_REUSE,
            param_initializers=start,
            **arguments,
        )
        for x, scope in zip(towers, scopes)
    ]
    weight = tf.get_variable("weight", [], initializer=tf.ones_initializer())
    return towers, weight * sum(tf.reduce_sum(output * output) for output in outputs)


def run(train_op, towers, feed=(), steps=1):
    """Returns the moving statistics after some steps."""
    import tensorflow.compat.v1 as tf

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(train_op, dict([*zip(towers, BATCHES), *feed]))
        values = session.run({each.op.name: each for each in tf.global_variables()})
    return values["bn/moving_mean"], values["bn/moving_variance"]


def sgd():
    import tensorflow.compat.v1 as tf

    return tf.train.GradientDescentOptimizer(0.0)


def moments(batches, correction):
    flat = np.concatenate([batch.astype(np.float64).reshape(-1, 4) for batch in batches])
    return flat.mean(axis=0), flat.var(axis=0, ddof=correction)


def moved(batches, correction):
    """What one update after the other by these moments gives, from the start."""
    mean, variance = START_MEAN, START_VARIANCE
    for each in batches:
        batch_mean, batch_variance = moments(each, correction)
        mean = mean - (mean - batch_mean) * RATE
        variance = variance - (variance - batch_variance) * RATE
    return mean, variance


WANTED = {
    "first": [BATCHES[:1]],
    "all": [BATCHES[:1], BATCHES[1:2], BATCHES[2:]],
    "merge": [BATCHES],
}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("switched", [True, False])
@pytest.mark.parametrize("policy", list(WANTED))
def test_each_policy(graph, variable_kind, policy, switched, fused):
    import tensorflow.compat.v1 as tf

    switch = tf.placeholder(tf.bool, [], name="is_training") if switched else True
    towers, loss = build(switch, fused=fused)
    train_op = create_train_op(loss, sgd(), towers=policy)
    assert verify_train_op(train_op).updated == ("bn",)
    feed = [(switch, True)] if switched else []
    found = run(train_op, towers, feed)
    wanted = moved(WANTED[policy], correction=1 if fused else 0)
    np.testing.assert_allclose(found[0], wanted[0], rtol=2e-6)
    np.testing.assert_allclose(found[1], wanted[1], rtol=2e-6)


@pytest.mark.parametrize("policy", ["all", "merge"])
def test_inference_moves_nothing(graph, policy):
    import tensorflow.compat.v1 as tf

    switch = tf.placeholder(tf.bool, [])
    towers, loss = build(switch)
    found = run(create_train_op(loss, sgd(), towers=policy), towers, [(switch, False)])
    np.testing.assert_array_equal(found[0], START_MEAN.astype(np.float32))
    np.testing.assert_array_equal(found[1], START_VARIANCE.astype(np.float32))


def test_merge_is_the_update_of_one_large_batch(graph, variable_kind):
    """Against slim itself, on all examples in one tower."""
    import tensorflow.compat.v1 as tf

    towers, loss = build()
    merged = run(create_train_op(loss, sgd(), towers="merge"), towers, steps=3)
    with tf.Graph().as_default():
        (x, *_), loss = build(scopes=("bn", "other", "other"))
        train_op = slim.learning.create_train_op(loss, sgd())
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            feed = {x: np.concatenate(BATCHES), "x1:0": BATCHES[1], "x2:0": BATCHES[2]}
            for _ in range(3):
                session.run(train_op, feed)
            values = session.run({each.op.name: each for each in tf.global_variables()})
    np.testing.assert_allclose(merged[0], values["bn/moving_mean"], rtol=3e-6)
    np.testing.assert_allclose(merged[1], values["bn/moving_variance"], rtol=3e-6)


@pytest.mark.parametrize("fused", [True, False])
def test_merge_with_a_tower_that_got_no_examples(graph, variable_kind, fused):
    """As at the end of a data set. The mean of nothing is NaN."""
    towers, loss = build(fused=fused)
    train_op = create_train_op(loss, sgd(), towers="merge")
    found = run(train_op, towers, [(towers[1], BATCHES[1][:0])])
    wanted = moved([[BATCHES[0], BATCHES[2]]], correction=1 if fused else 0)
    np.testing.assert_allclose(found[0], wanted[0], rtol=2e-6)
    np.testing.assert_allclose(found[1], wanted[1], rtol=2e-6)


@pytest.mark.parametrize("policy", list(WANTED))
def test_one_assignment_for_each_statistic(graph, policy):
    from slimfix.graph.layers import view_graph
    from slimfix.graphdef.variables import assigned_variable

    _, loss = build()
    train_op = create_train_op(loss, sgd(), towers=policy)
    view = view_graph()
    nodes = [view.nodes[name] for name in view.ancestors([train_op.op.name])]
    assigned = [assigned_variable(view, node) for node in nodes if assigned_variable(view, node)]
    statistics = [name for name in assigned if name.startswith("bn/moving")]
    assert sorted(statistics) == ["bn/moving_mean", "bn/moving_variance"]


def test_other_layers_and_other_updates_are_kept(graph):
    import tensorflow.compat.v1 as tf

    towers, loss = build()
    alone = slim.batch_norm(towers[0], scope="alone", decay=DECAY)
    counter = tf.get_variable("counter", [], initializer=tf.zeros_initializer(), trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, counter.assign_add(1.0))
    train_op = create_train_op(loss + tf.reduce_sum(alone), sgd(), towers="merge")
    assert verify_train_op(train_op).updated == ("bn", "alone")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op, dict(zip(towers, BATCHES)))
        assert session.run(counter) == 1.0


def test_a_second_train_op_merges_the_towers_and_not_what_was_merged(graph):
    towers, loss = build()
    create_train_op(loss, sgd(), towers="merge", global_step=None)
    second = create_train_op(loss, sgd(), towers="merge", global_step=None)
    found = run(second, towers)
    np.testing.assert_allclose(found[1], moved([BATCHES], 1)[1], rtol=2e-6)


def test_with_update_ops_takes_a_policy(graph):
    towers, loss = build()
    found = run(with_update_ops(sgd().minimize(loss), towers="merge"), towers)
    np.testing.assert_allclose(found[0], moved([BATCHES], 1)[0], rtol=2e-6)


def test_an_op_of_several_towers_cannot_give_the_first(graph):
    import tensorflow.compat.v1 as tf

    _, loss = build()
    grouped = tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    with pytest.raises(UpdateOpsError, match="1 of 1 update ops serve the first tower and others"):
        create_train_op(loss, sgd(), update_ops=[grouped], towers="first")


@pytest.mark.parametrize("policy", list(WANTED))
def test_refuses_updates_that_run_anyhow(graph, policy):
    """They would move each statistic beside the one update that is asked for."""
    _, loss = build(updates_collections=None)
    before = len(graph.get_operations())
    with pytest.raises(UpdateOpsError) as error:
        create_train_op(loss, sgd(), towers=policy)
    assert str(error.value).startswith(
        "Cannot give one update to 1 of 1 batch-norm layers that towers share:\n  'bn': 'bn"
    )
    assert len(graph.get_operations()) == before


@pytest.mark.parametrize("policy", list(WANTED))
def test_refuses_a_train_op_that_runs_the_updates(graph, policy):
    _, loss = build()
    train_op = slim.learning.create_train_op(loss, sgd())
    with pytest.raises(UpdateOpsError, match="would run as well"):
        with_update_ops(train_op, towers=policy)


def test_a_train_op_that_runs_the_first_tower_already(graph):
    import tensorflow.compat.v1 as tf

    towers, loss = build()
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)[:2]):
        train_op = sgd().minimize(loss)
    found = run(with_update_ops(train_op, towers="first"), towers)
    np.testing.assert_allclose(found[0], moved([BATCHES[:1]], 1)[0], rtol=2e-6)


def test_unknown_policy(graph):
    _, loss = build()
    with pytest.raises(UsageError, match="no policy 'mean' for towers") as error:
        create_train_op(loss, sgd(), towers="mean")
    assert "Fix: choose 'first', 'all', 'merge', or None" in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"zero_debias_moving_mean": True}, "it keeps statistics of zero_debias_moving_mean"),
        ({"renorm": True}, "it keeps statistics of zero_debias_moving_mean or renorm"),
        ({"batch_weights": [0.5, 2.0]}, "it weighs examples by batch_weights"),
    ],
)
def test_refuses_what_it_cannot_combine(graph, arguments, reason):
    _, loss = build(**arguments)
    before = len(graph.get_operations())
    with pytest.raises(UpdateOpsError) as error:
        create_train_op(loss, sgd(), towers="merge")
    assert str(error.value).startswith("Cannot combine the updates of 1 batch-norm layers")
    assert f"'bn': {reason}" in str(error.value)
    assert len(graph.get_operations()) == before


def test_refuses_several_decays(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3, 2, 4])
    outputs = [
        slim.batch_norm(x, decay=decay, scope="bn", reuse=tf.AUTO_REUSE) for decay in (0.9, 0.5)
    ]
    weight = tf.get_variable("weight", [])
    loss = weight * sum(tf.reduce_sum(output) for output in outputs)
    with pytest.raises(UpdateOpsError, match="'bn': its towers have several decays"):
        create_train_op(loss, sgd(), towers="all")


WORLDS = ["ref", "resource", "resource and control flow version 2"]


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
def test_updates_that_slim_makes_in_a_conditional(graph, variable_kind):
    """Rank 2 with a switch: slim assigns the statistics inside a tf.cond."""
    import tensorflow.compat.v1 as tf

    switch = tf.placeholder(tf.bool, [])
    start = {
        "moving_mean": tf.constant_initializer(START_MEAN),
        "moving_variance": tf.constant_initializer(START_VARIANCE),
    }
    batches = [batch.reshape(-1, 4) for batch in BATCHES]
    towers = [tf.placeholder(tf.float32, [None, 4]) for _ in batches]
    outputs = [
        slim.batch_norm(
            x,
            decay=DECAY,
            is_training=switch,
            scope="bn",
            reuse=tf.AUTO_REUSE,
            param_initializers=start,
        )
        for x in towers
    ]
    weight = tf.get_variable("weight", [], initializer=tf.ones_initializer())
    loss = weight * sum(tf.reduce_sum(output) for output in outputs)
    train_op = create_train_op(loss, sgd(), towers="merge")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op, dict([*zip(towers, batches), (switch, True)]))
        values = session.run({each.op.name: each for each in tf.global_variables()})
    wanted = moved([BATCHES], 1)
    np.testing.assert_allclose(values["bn/moving_mean"], wanted[0], rtol=2e-6)
    np.testing.assert_allclose(values["bn/moving_variance"], wanted[1], rtol=2e-6)
