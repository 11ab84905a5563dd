"""What a graph computes from constants: numbers of the network, as float32 has them."""

import numpy as np

from slimfix.graphdef.view import GraphView
from slimfix.parity.constant_parts import compute_constants
from slimfix.parity.reference import run_reference


def test_a_constant_part_keeps_its_float32_value(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    third = tf.divide(tf.constant([1.0, 2.0, 5.0]), 3.0, name="third")
    net = tf.multiply(x, third, name="net")
    noise = tf.add(net, tf.random_uniform([3]), name="noise")
    view = GraphView.from_graph_def(graph.as_graph_def())
    value = np.array([[0.5, -1.5, 7.0]], np.float32)
    found = run_reference(view, None, {"x:0": value}, [net.name], float64=True)[net.name]
    in_single = (np.array([1, 2, 5], np.float32) / np.float32(3)).astype(np.float64)
    assert found.dtype == np.float64
    assert np.array_equal(found, value.astype(np.float64) * in_single)
    assert not np.array_equal(found, value.astype(np.float64) * np.array([1, 2, 5]) / 3)
    constants = compute_constants(view, view.ancestors([noise.op.name]))
    assert list(constants) == ["third:0"]  # A random number is none.
