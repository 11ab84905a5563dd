"""Batch norms of every library that builds them in graphs: found, trained, saved, proved."""

import numpy as np
import pytest

from slimfix import (
    build_saver,
    create_train_op,
    find_batch_norm_layers,
    slim,
    verify_train_op,
)

DECAY = 0.75
BATCHES = np.random.RandomState(6).normal(2.0, 3.0, size=(3, 4, 5, 3, 2)).astype(np.float32)


def is_tensorflow_1():
    import tensorflow as tf

    return tf.__version__.startswith("1.")


def by_tf_slim(x, is_training):
    return slim.batch_norm(x, is_training=is_training, decay=DECAY, epsilon=0.01, scope="bn")


def by_contrib_slim(x, is_training):
    from tensorflow.contrib import slim as contrib_slim

    return contrib_slim.batch_norm(
        x, is_training=is_training, decay=DECAY, epsilon=0.01, scope="bn"
    )


def by_tf_layers(x, is_training):
    import tensorflow as tf

    return tf.layers.batch_normalization(
        x, training=is_training, momentum=DECAY, epsilon=0.01, scale=False, name="bn"
    )


def by_tf_keras(x, is_training):
    """Keras registers its updates nowhere; its users hand them over."""
    import tensorflow.compat.v1 as tf
    import tf_keras

    layer = tf_keras.layers.BatchNormalization(momentum=DECAY, epsilon=0.01, scale=False, name="bn")
    y = layer(x, training=is_training)
    for update in layer.updates:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    return y


def by_hand(x, is_training):
    """As in many tutorials: tf.nn.moments, a cond, tf.nn.batch_normalization."""
    import tensorflow.compat.v1 as tf

    with tf.variable_scope("bn"):
        beta = tf.get_variable("beta", [2], initializer=tf.zeros_initializer())
        moving_mean = tf.get_variable(
            "moving_mean", [2], initializer=tf.zeros_initializer(), trainable=False
        )
        moving_variance = tf.get_variable(
            "moving_variance", [2], initializer=tf.ones_initializer(), trainable=False
        )
        batch = tf.nn.moments(x, [0, 1, 2])
        used = tf.cond(
            is_training, lambda: batch, lambda: (moving_mean.value(), moving_variance.value())
        )
        rate = tf.cond(is_training, lambda: tf.constant(DECAY), lambda: tf.constant(1.0))
        for variable, value in zip((moving_mean, moving_variance), batch):
            update = tf.assign(variable, variable * rate + value * (1.0 - rate))
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return tf.nn.batch_normalization(x, used[0], used[1], beta, None, 0.01)


def by_textbook(x, is_training):
    """(x - mean) / sqrt(variance + epsilon), with nothing of tf.nn."""
    import tensorflow.compat.v1 as tf

    with tf.variable_scope("bn"):
        beta = tf.get_variable("beta", [2], initializer=tf.zeros_initializer())
        start = {"moving_mean": 0.0, "moving_variance": 1.0}
        moving = [
            tf.get_variable(name, [2], initializer=tf.constant_initializer(value), trainable=False)
            for name, value in start.items()
        ]
        mean = tf.reduce_mean(x, [0, 1, 2])
        batch = [mean, tf.reduce_mean(tf.square(x - mean), [0, 1, 2])]
        used = tf.cond(is_training, lambda: batch, lambda: [each.read_value() for each in moving])
        rate = tf.cond(is_training, lambda: tf.constant(1 - DECAY), lambda: tf.constant(0.0))
        for variable, value in zip(moving, batch):
            update = tf.assign_sub(variable, (variable - value) * rate)
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return (x - used[0]) / tf.sqrt(used[1] + 0.01) + beta


# Builder -> whether its moving variance is N/(N-1) times the batch's.
LEGACY = {by_contrib_slim: True, by_tf_layers: True}
BUILDERS = {by_tf_slim: True, by_hand: False, by_textbook: False}
BUILDERS.update(LEGACY if is_tensorflow_1() else {by_tf_keras: True})


@pytest.mark.parametrize("build", list(BUILDERS))
def test_any_batch_norm(graph, variable_kind, build, tmp_path):
    """Learning rate 0: the statistics follow a closed form, in float64 NumPy."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5, 3, 2])
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    y = build(x, is_training)
    (layer,) = find_batch_norm_layers()
    assert (layer.mode, layer.switch, layer.trains_when) == ("switched", "is_training:0", True)
    assert (layer.scope, layer.beta, layer.gamma) == ("bn", "bn/beta", None)
    assert (layer.moving_mean, layer.moving_variance) == ("bn/moving_mean", "bn/moving_variance")
    assert (layer.epsilon, layer.decay) == (0.01, DECAY)
    assert layer.update_collections == ("update_ops",)
    optimizer = tf.train.GradientDescentOptimizer(0.0)
    train_op = create_train_op(tf.reduce_sum(y * y), optimizer)
    assert verify_train_op(train_op).updated == ("bn",)
    mean, variance = np.zeros(2), np.ones(2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for batch in BATCHES:
            session.run(train_op, {x: batch, is_training: True})
            flat = batch.astype(np.float64).reshape(-1, 2)
            mean += (flat.mean(axis=0) - mean) * (1 - DECAY)
            variance += (flat.var(axis=0, ddof=int(BUILDERS[build])) - variance) * (1 - DECAY)
        found = session.run(y, {x: BATCHES[0], is_training: False})
        prefix = build_saver().save(session, str(tmp_path / "model.ckpt"))
    reader = tf.train.load_checkpoint(prefix)
    np.testing.assert_allclose(reader.get_tensor("bn/moving_mean"), mean, rtol=1e-5)
    np.testing.assert_allclose(reader.get_tensor("bn/moving_variance"), variance, rtol=1e-5)
    wanted = (BATCHES[0] - mean) / np.sqrt(variance + 0.01)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_tutorial_with_an_exponential_moving_average(graph, variable_kind):
    """Its statistics look like shadow variables, and its updates run in the branch."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5, 3, 2])
    phase = tf.placeholder(tf.bool, [], name="phase_train")
    mean, variance = tf.nn.moments(x, [0, 1, 2], name="moments")
    average = tf.train.ExponentialMovingAverage(DECAY)

    def update():
        with tf.control_dependencies([average.apply([mean, variance])]):
            return tf.identity(mean), tf.identity(variance)

    used = tf.cond(phase, update, lambda: (average.average(mean), average.average(variance)))
    weight = tf.get_variable("weight", [], initializer=tf.ones_initializer())
    y = tf.nn.batch_normalization(x, used[0], used[1], None, None, 0.01)
    (layer,) = find_batch_norm_layers()
    assert layer.moving_mean == "moments/Squeeze/ExponentialMovingAverage"
    assert layer.moving_variance == "moments/Squeeze_1/ExponentialMovingAverage"
    assert (layer.switch, layer.decay) == ("phase_train:0", DECAY)
    optimizer = tf.train.GradientDescentOptimizer(0.0)
    train_op = create_train_op(tf.reduce_sum(y) * weight, optimizer)
    assert verify_train_op(train_op).updated == (layer.scope,)
