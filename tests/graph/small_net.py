"""A small network with batch norm, and checkpoints of it with known, distinct values."""

import make_crossing
import numpy as np

from slimfix import slim


def build(scope="net", classes=4, normalizer_fn=slim.batch_norm, optimizer=False, shadows=False):
    """Builds conv (2 to 3 channels, with batch norm unless None) and logits, under a scope."""
    import tensorflow.compat.v1 as tf

    x = tf.zeros([4, 5, 3, 2])
    with tf.variable_scope(scope) if scope else tf.variable_scope(tf.get_variable_scope()):
        net = slim.conv2d(x, 3, [3, 2], scope="conv", normalizer_fn=normalizer_fn)
        net = slim.fully_connected(slim.flatten(net), classes, scope="logits", activation_fn=None)
    step = tf.train.get_or_create_global_step() if optimizer else None
    train = []
    if optimizer:
        train.append(tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(net), step))
    if shadows:
        train.append(tf.train.ExponentialMovingAverage(0.9).apply(tf.trainable_variables()))
    return net, train


def value_of(variable):
    """The known value of a variable: its name, shape and dtype decide."""
    dtype = variable.dtype.base_dtype.as_numpy_dtype
    return make_crossing.value_of(variable.op.name, variable.shape.as_list(), dtype)


def load(session, variables):
    """Gives variables their known values."""
    for variable in variables:
        variable.load(value_of(variable), session)


def write(prefix, make_saver=None, **arguments):
    """Writes the checkpoint of `build(**arguments)`, with known values; returns its prefix."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        build(**arguments)
        saver = make_saver() if make_saver else tf.train.Saver()
        session.run(tf.global_variables_initializer())
        load(session, tf.global_variables())
        return saver.save(session, str(prefix), write_meta_graph=False)


def read(session):
    """Returns the values of all global variables, by name."""
    import tensorflow.compat.v1 as tf

    return session.run({each.op.name: each for each in tf.global_variables()})


def same(one, other):
    """Tells whether two dicts of values are the same, bit for bit."""
    return set(one) == set(other) and all(
        np.asarray(one[name]).tobytes() == np.asarray(other[name]).tobytes() for name in one
    )
