"""Writes tests/golden/crossing/<version>/: one network's checkpoint from this TensorFlow.

Run it once with TensorFlow 1.15.5 on Python 3.7, and once with TensorFlow 2 (there from an
environment with slimfix): each must restore what the other wrote.
"""

import os
import zlib

import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crossing")


def build(slim):
    """Builds a training graph with every kind of variable that slim and a Saver know."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [4, 5, 3, 2], name="x")
    is_training = tf.placeholder(tf.bool, [], name="is_training")

    def normalised(net, scope, **arguments):
        return slim.batch_norm(net, is_training=is_training, scope=scope, **arguments)

    net = slim.conv2d(x, 3, [3, 2], scope="conv")
    net = normalised(net, "core", scale=True)
    net = normalised(net, "zero_debias", zero_debias_moving_mean=True)
    net = normalised(net, "renorm", renorm=True)
    net = normalised(net, "legacy", batch_weights=[0.4, 1.7, 0.9, 2.3])
    net = slim.fully_connected(slim.flatten(net), 2, scope="fc")
    loss = tf.reduce_sum(net)
    step = tf.train.get_or_create_global_step()
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, step)
    tf.train.ExponentialMovingAverage(0.9).apply(tf.trainable_variables())


def value_of(name, shape, dtype):
    """The value that a variable has in the checkpoints: its name decides, and nothing else."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    return (random.normal(size=shape) * 100).astype(dtype)


def write():
    """Writes the checkpoint of this TensorFlow."""
    import tensorflow.compat.v1 as tf

    if tf.__version__.startswith("1."):
        from tensorflow.contrib import slim
    else:
        from slimfix import slim
    folder = os.path.join(OUT, tf.__version__)
    os.makedirs(folder, exist_ok=True)
    with tf.Graph().as_default(), tf.Session() as session:
        build(slim)
        session.run(tf.global_variables_initializer())
        for variable in tf.global_variables():
            shape, dtype = variable.shape.as_list(), variable.dtype.base_dtype.as_numpy_dtype
            variable.load(value_of(variable.op.name, shape, dtype), session)
        saver = tf.train.Saver()
        prefix = os.path.join(folder, "model.ckpt")
        saver.save(session, prefix, write_meta_graph=False, write_state=False)


if __name__ == "__main__":
    import tensorflow.compat.v1

    tensorflow.compat.v1.logging.set_verbosity("ERROR")
    write()
