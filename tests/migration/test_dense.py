"""Fully connected layers of any rank, and products of computed tensors."""

import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert


def _weights(shape):
    import tensorflow.compat.v1 as tf

    return tf.get_variable("fc/weights", shape)


def _input(*shape):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, shape, name="x")


@pytest.mark.parametrize("shape", [(None, 7, 5), (None, 2, 3, 5), (4, 3, 5)])
def test_slim_on_more_than_two_axes(graph, prove, variable_kind, shape):
    from slimfix import slim

    net = slim.fully_connected(_input(*shape), 3, activation_fn=None, scope="fc")
    kinds, migration = prove(net)
    assert kinds == ["Dense"]
    assert [weight.path for weight in migration.model.weights] == ["fc/kernel", "fc/bias"]


def test_a_fold_that_crosses_the_channels_is_no_dense_layer_on_them(graph, prove):
    """[batch, 4, 3] as [batch, 12], and [batch, 8] as [batch, 4, 2]: every row sees all others."""
    import tensorflow.compat.v1 as tf

    net = tf.matmul(tf.reshape(_input(None, 4, 3), [-1, 12]), _weights([12, 8]))
    assert prove(tf.reshape(net, [-1, 4, 2]))[0] == ["Flatten", "Dense", "Reshape"]


@pytest.mark.parametrize("transpose", [True, False])
def test_a_kernel_stored_the_other_way_round(graph, prove, transpose):
    import tensorflow.compat.v1 as tf

    x, kernel = _input(None, 5), _weights([3, 5])
    net = (
        tf.matmul(x, tf.transpose(kernel)) if transpose else tf.matmul(x, kernel, transpose_b=True)
    )
    kinds, migration = prove(tf.nn.bias_add(net, tf.get_variable("fc/biases", [3])))
    assert kinds == ["Dense"]
    assert migration.plan.layers[0].weights[0].permutation == (1, 0)


def test_one_matrix_for_the_whole_batch(graph, prove):
    import tensorflow.compat.v1 as tf

    assert prove(tf.matmul(_input(None, 4, 5), _weights([1, 5, 3])))[0] == ["Dense"]


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("right", [True, False])
def test_two_computed_tensors(graph, prove, left, right):
    import tensorflow.compat.v1 as tf

    x = _input(None, 2, 4, 4)
    kinds, _ = prove(tf.matmul(x, tf.nn.tanh(x), transpose_a=left, transpose_b=right))
    assert sorted(kinds) == sorted(["Activation", "matmul"] + ["swapaxes"] * (left + right))


@pytest.mark.parametrize("transpose", [True, False])
def test_a_constant_matrix(graph, prove, transpose):
    import numpy as np
    import tensorflow.compat.v1 as tf

    matrix = np.arange(15, dtype=np.float32).reshape((3, 5) if transpose else (5, 3)) / 7
    assert prove(tf.matmul(_input(None, 5), matrix, transpose_b=transpose))[0] == ["matmul"]


def test_a_kernel_on_the_left_is_refused(graph, saved):
    import tensorflow.compat.v1 as tf

    net = tf.matmul(_weights([3, 6]), _input(6, 2))
    with pytest.raises(UnsupportedOpError, match="MatMul"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])
