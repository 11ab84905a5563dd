"""Writes tests/golden/as_saved/: networks with batch statistics, and without a train op.

Only tensorflow 1.15 and tf.contrib.slim are used: golden data must not come from slimfix itself.
Run it with Python 3.7 from anywhere: python tests/golden/make_as_saved.py [NAME ...]
"""

import os
import sys

import numpy as np
import tensorflow as tf
from make_op_nets import build_value
from tensorflow.contrib import slim

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "as_saved")
SHAPE = [8, 6, 3]
BATCHES = (1, 3)


def pix2pix(images):
    """Its generator in small: update ops are there, and nobody ever runs them."""

    def batch_norm(x, name):
        return tf.layers.batch_normalization(
            x, axis=3, epsilon=1e-5, momentum=0.1, training=True, name=name
        )

    down = tf.layers.conv2d(images, 4, 4, strides=(2, 2), padding="same", name="encoder_1")
    net = tf.layers.conv2d(
        tf.nn.leaky_relu(down, 0.2), 5, 4, strides=(2, 2), padding="same", name="encoder_2"
    )
    net = batch_norm(net, "encoder_2_norm")
    net = tf.image.resize_nearest_neighbor(tf.nn.relu(net), [4, 4])[:, :, :3]
    net = tf.layers.conv2d(net, 4, 3, padding="same", name="decoder_2")
    net = tf.concat([batch_norm(net, "decoder_2_norm"), down], axis=3)
    net = tf.image.resize_nearest_neighbor(tf.nn.relu(net), SHAPE[:2])
    return tf.tanh(0.03 * tf.layers.conv2d(net, 3, 3, padding="same", name="decoder_1"))


def moments(images):
    """The first pix2pix: no moving statistics at all."""
    net = tf.layers.conv2d(images, 4, 3, padding="same", name="conv")
    with tf.variable_scope("norm"):
        offset = tf.get_variable("offset", [4])
        scale = tf.get_variable("scale", [4])
        mean, variance = tf.nn.moments(net, [0, 1, 2], keep_dims=False)
        net = tf.nn.batch_normalization(net, mean, variance, offset, scale, 1e-5)
    return tf.layers.conv2d(tf.nn.relu(net), 2, 3, name="out")


def modes(images, is_training=True):
    """Batch norms of every kind in training mode for good, beside a frozen and a switched one."""
    switch = tf.placeholder_with_default(False, [], name="is_training")
    net = slim.conv2d(images, 4, 3, normalizer_fn=slim.batch_norm, scope="fused",
                      normalizer_params={"is_training": is_training})  # fmt: skip
    net = slim.batch_norm(net, is_training=False, scale=True, scope="frozen")
    net = slim.conv2d(net, 5, [3, 2], stride=2, activation_fn=None, scope="unfused")
    net = slim.batch_norm(net, is_training=is_training, fused=False, scale=True, epsilon=0.01,
                          activation_fn=tf.nn.elu, scope="unfused/norm")  # fmt: skip
    net = slim.batch_norm(net, is_training=switch, scope="switched")
    net = slim.batch_norm(net, is_training=is_training, center=False, updates_collections=None,
                          scope="at_once")  # fmt: skip
    net = slim.fully_connected(slim.flatten(net), 6, activation_fn=None, scope="dense")
    net = slim.batch_norm(net, is_training=is_training, scale=True, scope="flat")
    return slim.fully_connected(net, 3, activation_fn=None, scope="logits")


NETS = {"modes": modes, "moments": moments, "pix2pix": pix2pix}


def write_net(name):
    """Writes `as_saved/<name>/`: checkpoint, graph, and what the graph gives as it was saved."""
    directory = os.path.join(OUT, name)
    if not os.path.isdir(directory):
        os.makedirs(directory)
    prefix = os.path.join(directory, "model.ckpt")
    random = np.random.RandomState(23)
    recorded = {}
    with tf.Graph().as_default(), tf.Session() as session:
        output = tf.identity(NETS[name](images_placeholder()), name="output")
        session.run(tf.global_variables_initializer())
        for each in tf.global_variables():
            # Of pix2pix the moving statistics are what nobody ever moved: 0 and 1.
            if name != "pix2pix" or "moving_" not in each.op.name:
                each.load(build_value(random, each), session)
        tf.train.Saver().save(session, prefix, write_state=False)
        for size in BATCHES:
            batch = random.normal(loc=0.5, size=[size, *SHAPE]).astype(np.float32)
            recorded[f"images_{size}"] = batch
            recorded[f"batch_{size}"] = session.run(output, {"images:0": batch})
    if name == "modes":
        with tf.Graph().as_default(), tf.Session() as session:
            output = modes(images_placeholder(), is_training=False)
            tf.train.Saver().restore(session, prefix)
            for size in BATCHES:
                batch = recorded[f"images_{size}"]
                recorded[f"moving_{size}"] = session.run(output, {"images:0": batch})
    np.savez_compressed(os.path.join(directory, "expected.npz"), **recorded)
    print(name, {key: value.ravel()[:2] for key, value in recorded.items()})


def images_placeholder():
    return tf.placeholder(tf.float32, [None, *SHAPE], name="images")


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    for net in sys.argv[1:] or sorted(NETS):
        write_net(net)
