"""Graphs in float64: constants and layers keep all their digits."""

import numpy as np


def test_a_network_in_float64(graph, prove):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float64, [None, 7, 5, 4], name="x")
    row = tf.constant(np.array([0.3, -1.7, 2.9, 0.017]))
    net = (x - row) / row * row + 0.1
    net = slim.layer_norm(net, scope="norm")
    net = tf.nn.relu(net) + tf.get_variable("alpha", [4], tf.float64) * tf.minimum(net, 0.0)
    net = tf.reduce_mean(tf.pow(tf.abs(net) + row * row, 0.7), [1, 2])
    kinds, _ = prove(tf.nn.l2_normalize(net, 1), tf.cast(net, tf.float32))
    assert "PReLU" in kinds and "Rescaling" not in kinds
