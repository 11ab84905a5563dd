"""What a graph computes from constants: numbers of the network, as float32 has them."""

import numpy as np
import pytest

from slimfix.graphdef.functions import inline_functions
from slimfix.graphdef.view import GraphView
from tests.reference.run_once import run_reference


def test_a_constant_part_keeps_its_float32_value(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    third = tf.divide(tf.constant([1.0, 2.0, 5.0]), 3.0, name="third")
    net = tf.multiply(x, third, name="net")
    view = GraphView.from_graph_def(graph.as_graph_def())
    value = np.array([[0.5, -1.5, 7.0]], np.float32)
    found = run_reference(view, None, {"x:0": value}, [net.name], float64=True)[net.name]
    in_single = (np.array([1, 2, 5], np.float32) / np.float32(3)).astype(np.float64)
    assert found.dtype == np.float64
    assert np.array_equal(found, value.astype(np.float64) * in_single)
    assert not np.array_equal(found, value.astype(np.float64) * np.array([1, 2, 5]) / 3)


THIRD = np.float32(1) / np.float32(3)


def scaled(tf, by):
    """Makes x times a third."""
    tf.multiply(tf.placeholder(tf.float32, [None, 3], name="x"), by, name="net")


def in_float64(graph_def, **switches):
    fed = np.array([[0.5, -1.5, 7.0]], np.float32)
    feeds = {"x:0": fed, **{f"{name}:0": value for name, value in switches.items()}}
    found = run_reference(inline_functions(graph_def), None, feeds, ["net:0"], float64=True)
    return found["net:0"] / fed.astype(np.float64)


def test_a_constant_part_is_found_in_any_order_of_nodes(graph):
    import tensorflow.compat.v1 as tf

    scaled(tf, tf.constant(1.0) / tf.constant(3.0))
    graph_def = graph.as_graph_def()
    nodes = list(graph_def.node)[::-1]
    del graph_def.node[:]
    graph_def.node.extend(nodes)
    np.testing.assert_allclose(in_float64(graph_def), np.full((1, 3), THIRD), rtol=1e-15)


@pytest.mark.parametrize(
    "variable_kind", ["ref", "resource and control flow version 2"], indirect=True
)
@pytest.mark.parametrize("inside", [True, False])
def test_a_constant_part_behind_a_switch_is_one(graph, variable_kind, inside):
    """Computed in a branch, or of what the branches give."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    one = tf.constant(1.0)
    if inside:
        by = tf.cond(is_training, lambda: 7.0 / tf.constant(9.0), lambda: one / tf.constant(3.0))
    else:
        by = one / tf.cond(is_training, lambda: tf.constant(7.0), lambda: tf.constant(3.0))
    scaled(tf, by)
    found = in_float64(graph.as_graph_def(), is_training=False)
    np.testing.assert_allclose(found, np.full((1, 3), THIRD), rtol=1e-15)


def test_a_random_number_is_no_constant(graph):
    """It would be drawn in float32."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    tf.add(x, tf.random_uniform([3]), name="net")
    found = in_float64(graph.as_graph_def())
    assert not np.array_equal(found, found.astype(np.float32))
