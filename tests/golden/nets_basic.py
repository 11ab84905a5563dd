"""Networks of make_op_nets.py: what the first converters were written for."""

import tensorflow as tf
from tensorflow.contrib import slim


def conv_pool_dense():
    """A switched network: convolution, batch norm, pooling, dropout, a fully connected layer."""
    images = tf.placeholder(tf.float32, [None, 9, 8, 2], name="images")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    with slim.arg_scope([slim.batch_norm, slim.dropout], is_training=is_training):
        net = slim.conv2d(images, 5, [3, 2], stride=2, normalizer_fn=slim.batch_norm, scope="conv")
        net = slim.max_pool2d(net, [2, 2], scope="pool")
        net = slim.dropout(slim.flatten(net), 0.75, scope="drop")
        return [slim.fully_connected(net, 4, activation_fn=None, scope="logits")]


NETS = {"conv_pool_dense": conv_pool_dense}
