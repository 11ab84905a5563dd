"""verify_train_op: each reason for which a statistic would stand still, and which may do so."""

import numpy as np
import pytest

from slimfix import create_train_op, slim, verify_train_op, with_update_ops
from slimfix.errors import UpdateOpsError, UsageError
from slimfix.training.update_ops import UpdatesRecord

X = np.random.RandomState(8).normal(2.0, 3.0, size=(9, 6)).astype(np.float32)


def optimizer():
    import tensorflow.compat.v1 as tf

    return tf.train.GradientDescentOptimizer(0.0)


def placeholder():
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 6], name="x")


def loss_of(*outputs):
    """A loss with a weight of its own, so that there is something to train."""
    import tensorflow.compat.v1 as tf

    weight = tf.get_variable("weight", [], initializer=tf.ones_initializer())
    return sum(tf.reduce_sum(output * output) for output in outputs) * weight


def refusal(train_op, **options):
    with pytest.raises(UpdateOpsError) as error:
        verify_train_op(train_op, **options)
    return str(error.value)


def test_tells_what_a_step_does(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x = placeholder()
    switch = tf.placeholder(tf.bool, [])
    y = slim.batch_norm(x, is_training=True, scope="trained")
    y = slim.batch_norm(y, is_training=switch, scope="switched")
    y = slim.batch_norm(y, is_training=True, scope="still")
    y = slim.batch_norm(y, is_training=False, scope="fixed")
    slim.batch_norm(x, is_training=True, scope="other")  # Its updates are in UPDATE_OPS too.
    train_op = create_train_op(loss_of(y), optimizer(), frozen_scopes="still")
    wanted = UpdatesRecord(("trained", "switched", "other"), ("still",), ("fixed",))
    assert verify_train_op(train_op, frozen_scopes=["still"]) == wanted
    assert "'still'" in refusal(train_op)


def test_accepts_the_ops_of_others(graph, variable_kind):
    """slim's own train op, a hand-written dependency and a group: built without slimfix."""
    import tensorflow.compat.v1 as tf

    loss = loss_of(slim.batch_norm(placeholder(), scope="bn"))
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert verify_train_op(slim.learning.create_train_op(loss, optimizer())).updated == ("bn",)
    with tf.control_dependencies(updates):
        assert verify_train_op(optimizer().minimize(loss)).updated == ("bn",)
    grouped = tf.group(optimizer().minimize(loss), *updates)
    assert verify_train_op(grouped).updated == ("bn",)


def test_reason_the_op_does_not_depend_on_them(graph, variable_kind):
    train_op = optimizer().minimize(loss_of(slim.batch_norm(placeholder(), scope="bn")))
    text = refusal(train_op)
    assert text.startswith(
        "The train op would not update the moving statistics of 1 of 1 batch-norm layers in "
        "training mode:\n  'bn': in training mode; not run: 'bn/AssignMovingAvg"
    )
    assert "in the collection 'update_ops', on which the train op does not depend" in text


def test_reason_another_collection(graph):
    loss = loss_of(slim.batch_norm(placeholder(), scope="bn", updates_collections="mine"))
    text = refusal(optimizer().minimize(loss))
    assert "found in the collection 'mine', not in 'update_ops'" in text


def test_reason_no_collection(graph):
    """A batch norm as Keras builds it: the assignment is in the graph and nowhere else."""
    import tensorflow.compat.v1 as tf

    x = placeholder()
    mean = tf.get_variable("keras/moving_mean", [6], trainable=False)
    variance = tf.get_variable("keras/moving_variance", [6], trainable=False)
    batch = tf.nn.moments(x, [0])
    for moving, value in zip((mean, variance), batch):
        moving.assign(moving * 0.99 + value * 0.01)
    loss = loss_of(tf.nn.batch_normalization(x, batch[0], batch[1], None, None, 0.001))
    text = refusal(optimizer().minimize(loss))
    assert "'keras': in training mode; not run: " in text
    assert "found in no collection, as the updates of Keras layers are" in text


def test_reason_nothing_updates(graph):
    import tensorflow.compat.v1 as tf

    x = placeholder()
    switch = tf.placeholder(tf.bool, [], name="switch")
    mean = tf.get_variable("own/mean", [6], trainable=False)
    variance = tf.get_variable("own/variance", [6], trainable=False)
    batch = tf.nn.moments(x, [0])
    used = tf.cond(switch, lambda: batch, lambda: (mean.value(), variance.value()))
    loss = loss_of(tf.nn.batch_normalization(x, used[0], used[1], None, None, 0.01))
    text = refusal(optimizer().minimize(loss))
    assert "'own': switched by 'switch:0'; no op of the graph updates its statistics" in text


@pytest.mark.parametrize("version", [1, 2])
def test_reason_inside_a_branch(graph, version):
    import tensorflow.compat.v1 as tf

    tf.enable_resource_variables()
    x = placeholder()
    with tf.variable_scope("bn"):  # Variables made in a branch would belong to the branch.
        for name, value in (("beta", 0.0), ("moving_mean", 0.0), ("moving_variance", 1.0)):
            start = tf.constant_initializer(value)
            tf.get_variable(name, [6], initializer=start, trainable=name == "beta")
    (tf.enable_control_flow_v2 if version == 2 else tf.disable_control_flow_v2)()
    y = tf.cond(
        tf.placeholder(tf.bool, []),
        lambda: slim.batch_norm(x, is_training=True, scope="bn", reuse=True),
        lambda: tf.identity(x),
    )
    loss = loss_of(y)
    text = refusal(optimizer().minimize(loss))
    assert "made inside a tf.cond or tf.while_loop body, where nothing outside can wait" in text
    with pytest.raises(UpdateOpsError, match="Cannot run 2 of 2 update ops with the train op"):
        create_train_op(loss, optimizer())


def test_reason_another_graph(graph):
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default():
        slim.batch_norm(placeholder(), scope="elsewhere")
        foreign = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    loss = loss_of(slim.batch_norm(placeholder(), scope="bn"))
    before = len(graph.get_operations())
    with pytest.raises(UpdateOpsError) as error:
        create_train_op(loss, optimizer(), update_ops=foreign)
    assert "': of another graph" in str(error.value)
    assert len(graph.get_operations()) == before


def test_updates_in_place_need_no_collection(graph, variable_kind):
    loss = loss_of(slim.batch_norm(placeholder(), scope="bn", updates_collections=None))
    assert verify_train_op(optimizer().minimize(loss)).updated == ("bn",)


@pytest.mark.parametrize("collection", ["update_ops", None])
def test_frozen_statistics_must_not_move(graph, variable_kind, collection):
    x = placeholder()
    y = slim.batch_norm(x, scope="net/frozen", updates_collections=collection)
    loss = loss_of(slim.batch_norm(y, scope="net/trained"))
    train_op = slim.learning.create_train_op(loss, optimizer())
    text = refusal(train_op, frozen_scopes=["net/frozen"])
    assert text.startswith(
        "The train op would move the statistics of 1 of 1 frozen batch-norm layers:\n"
        "  'net/frozen': runs 'net/frozen/AssignMovingAvg"
    )
    if collection is None:  # create_train_op can leave out what is in UPDATE_OPS, and this not.
        with pytest.raises(UpdateOpsError, match="updates forced in place"):
            create_train_op(loss, optimizer(), frozen_scopes="net/frozen")
    else:
        create_train_op(loss, optimizer(), frozen_scopes="net/frozen")


def test_frozen_statistics_must_not_be_assigned_otherwise(graph, variable_kind):
    """As a network that follows another one is: no value of a batch flows into it directly."""
    import tensorflow.compat.v1 as tf

    x = placeholder()
    y = slim.batch_norm(x, scope="online")
    target = slim.batch_norm(x, scope="target", is_training=False)
    mean = {each.op.name: each for each in tf.global_variables()}
    copied = mean["target/moving_mean"].assign(mean["online/moving_mean"] + 1.0, name="copy")
    train_op = tf.group(create_train_op(loss_of(y, target), optimizer()), copied)
    assert verify_train_op(train_op).inference == ("target",)
    text = refusal(train_op, frozen_scopes="target")
    assert "1 of 1 frozen batch-norm layers:\n  'target': " in text
    assert "or the train op assigns the statistics itself" in text


def test_a_group_that_moves_frozen_ones_too_is_refused(graph):
    import tensorflow.compat.v1 as tf

    y = slim.batch_norm(placeholder(), scope="frozen")
    loss = loss_of(slim.batch_norm(y, scope="trained"))
    everything = tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    with pytest.raises(UpdateOpsError) as error:
        create_train_op(loss, optimizer(), update_ops=[everything], frozen_scopes="frozen")
    assert "'frozen': runs 'frozen/AssignMovingAvg" in str(error.value)


def test_a_scope_must_hold_a_batch_norm(graph):
    loss = loss_of(slim.batch_norm(placeholder(), scope="generator/bn"))
    for call in (create_train_op, lambda loss, opt, **options: verify_train_op(loss, **options)):
        with pytest.raises(UsageError) as error:
            call(loss, optimizer(), frozen_scopes=["generator", "generatr"])
        assert str(error.value).startswith(
            "1 of 2 entries of frozen_scopes covers no batch norm:\n  'generatr'; near: 'generator'"
        )


def test_with_update_ops_runs_them_in_the_same_step(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x = placeholder()
    loss = loss_of(slim.batch_norm(x, decay=0.75, scope="bn"))
    step = tf.train.get_or_create_global_step()
    plain = optimizer().minimize(loss, global_step=step)
    with pytest.raises(UpdateOpsError, match="1 of 1"):
        verify_train_op(plain)
    train_op = with_update_ops(plain)
    assert isinstance(train_op, tf.Operation)
    assert verify_train_op(train_op).updated == ("bn",)
    twice = with_update_ops(train_op)  # What runs already runs once.
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for op in (train_op, twice):
            session.run(op, {x: X})
        values = session.run({each.op.name: each for each in tf.global_variables()})
    kept = 0.75**2
    mean, variance = X.astype(np.float64).mean(axis=0), X.astype(np.float64).var(axis=0, ddof=1)
    np.testing.assert_allclose(values["bn/moving_mean"], mean * (1 - kept), rtol=1e-5)
    np.testing.assert_allclose(
        values["bn/moving_variance"], kept + variance * (1 - kept), rtol=1e-5
    )
    assert values["global_step"] == 2


def test_with_update_ops_keeps_the_value_of_a_tensor(graph):
    import tensorflow.compat.v1 as tf

    x = placeholder()
    loss = loss_of(slim.batch_norm(x, scope="bn"))
    with tf.control_dependencies([optimizer().minimize(loss)]):
        train_op = with_update_ops(tf.identity(loss))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(train_op, {x: X}), 9 * 6, rtol=1e-2)
        (mean,) = (each for each in tf.global_variables() if each.op.name == "bn/moving_mean")
        assert np.abs(session.run(mean)).min() > 0


def test_update_ops_may_be_a_generator(graph):
    import tensorflow.compat.v1 as tf

    loss = loss_of(slim.batch_norm(placeholder(), scope="bn"))
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    train_op = with_update_ops(optimizer().minimize(loss), (each for each in updates))
    assert verify_train_op(train_op).updated == ("bn",)


def test_with_update_ops_refuses_before_it_builds(graph):
    loss = loss_of(slim.batch_norm(placeholder(), scope="bn"))
    train_op = optimizer().minimize(loss)
    before = len(graph.get_operations())
    with pytest.raises(UpdateOpsError, match="not run"):
        with_update_ops(train_op, [])
    assert len(graph.get_operations()) == before


def build_gan():
    """Returns (z, real images, step of the generator, step of the discriminator)."""
    import tensorflow.compat.v1 as tf

    def generator(z):
        return slim.fully_connected(
            z, 6, normalizer_fn=slim.batch_norm, normalizer_params={"decay": 0.5}, scope="G/fc"
        )

    def discriminator(images, reuse):
        return slim.fully_connected(
            images,
            3,
            normalizer_fn=slim.batch_norm,
            normalizer_params={"decay": 0.5},
            scope="D/fc",
            reuse=reuse,
        )

    z = tf.placeholder(tf.float32, [None, 4], name="z")
    real = tf.placeholder(tf.float32, [None, 6], name="real")
    fake = generator(z)
    d_real, d_fake = discriminator(real, False), discriminator(fake, True)
    sgd = tf.train.GradientDescentOptimizer(0.1)
    g_step = create_train_op(
        -tf.reduce_mean(d_fake),
        sgd,
        global_step=None,
        variables_to_train=tf.trainable_variables("G"),
        frozen_scopes=["D"],
    )
    d_step = create_train_op(
        tf.reduce_mean(d_fake) - tf.reduce_mean(d_real),
        sgd,
        global_step=None,
        variables_to_train=tf.trainable_variables("D"),
        frozen_scopes=["G"],
    )
    return z, real, g_step, d_step


def test_no_step_of_a_gan_moves_the_other_network(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    z, real, g_step, d_step = build_gan()
    assert verify_train_op(g_step, frozen_scopes="D").updated == ("G/fc/BatchNorm",)
    assert verify_train_op(d_step, frozen_scopes="G").updated == ("D/fc/BatchNorm",)
    variables = {each.op.name: each for each in tf.global_variables()}
    random = np.random.RandomState(4)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step, feed, network in (
            (g_step, {z: random.normal(size=(7, 4))}, "G"),  # Needs no real images.
            (d_step, {z: random.normal(size=(7, 4)), real: X}, "D"),
        ):
            before = session.run(variables)
            session.run(step, feed)
            after = session.run(variables)
            moved = {name for name in after if (after[name] != before[name]).any()}
            assert moved == {name for name in after if name.startswith(network + "/")}


def test_the_whole_collection_would_move_both(graph):
    """What frozen_scopes is for."""
    import tensorflow.compat.v1 as tf

    build_gan()
    d_fake = graph.get_tensor_by_name("D/fc_1/Relu:0")
    sgd = tf.train.GradientDescentOptimizer(0.1)
    g_step = slim.learning.create_train_op(
        -tf.reduce_mean(d_fake), sgd, variables_to_train=tf.trainable_variables("G")
    )
    assert verify_train_op(g_step).updated == ("G/fc/BatchNorm", "D/fc/BatchNorm")
    assert "would move the statistics of 2 of 2" in refusal(g_step, frozen_scopes="D")


@pytest.mark.parametrize("wrong", [None, "train_op", []])
def test_refuses_what_is_no_op(graph, wrong):
    for call in (verify_train_op, with_update_ops, lambda loss: create_train_op(loss, optimizer())):
        with pytest.raises(
            UsageError, match="Wanted is an op or tensor of a graph, not a "
        ) as error:
            call(wrong)
        assert "Fix: hand over one op; tf.group makes one of several." in str(error.value)


def test_says_that_eager_execution_is_on():
    """In a process of its own: a program that forgot tf.disable_v2_behavior()."""
    import subprocess
    import sys

    program = """
import tensorflow.compat.v1 as tf
import slimfix
tf.enable_eager_execution()
for call in (
    slimfix.find_batch_norm_layers,
    lambda: slimfix.create_train_op(tf.constant(1.0), tf.train.GradientDescentOptimizer(0.1)),
):
    try:
        call()
    except slimfix.SlimfixError as error:
        assert "Fix: call tf.disable_v2_behavior() before the network is built." in str(error)
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"refused", b"refused"]
