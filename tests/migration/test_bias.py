"""Which variable a layer takes as its bias, and which it must not."""

import pytest


def _conv(x, channels=3):
    import tensorflow.compat.v1 as tf

    return tf.nn.conv2d(x, tf.get_variable("c/weights", [3, 2, 4, channels]), 1, "SAME")


def _variable(name, shape):
    import tensorflow.compat.v1 as tf

    return tf.get_variable(name, shape)


@pytest.mark.parametrize("shape", [[3], [1, 1, 3], [1, 1, 1, 3]])
def test_one_element_for_each_channel(x, prove, shape):
    kinds, migration = prove(_variable("c/biases", shape) + _conv(x))
    assert kinds == ["Conv2D"]
    assert tuple(migration.model.get_layer("c").bias.shape) == (3,)


@pytest.mark.parametrize("shape, size", [([5], 1), ([7, 1, 1], 3), ([], 3), ([1, 5, 3], 3)])
def test_what_broadcasts_otherwise_is_no_bias(x, prove, shape, size):
    """One channel plus five numbers is five channels; a number for each row is no bias either."""
    kinds, migration = prove(_conv(x, size) + _variable("offset", shape))
    assert "Embedding" in kinds
    assert not migration.model.get_layer("c").use_bias
    assert [weight.path for weight in migration.model.weights] == [
        "c/kernel",
        "offset/embeddings",
    ]


def test_a_second_bias_stays_a_weight(x, prove):
    import tensorflow.compat.v1 as tf

    net = tf.nn.bias_add(_conv(x), _variable("c/biases", [3])) + _variable("more", [3])
    assert [w.path for w in prove(net)[1].model.weights] == [
        "c/kernel",
        "c/bias",
        "more/embeddings",
    ]


def test_a_bias_on_a_result_that_somebody_else_reads(x, prove):
    import tensorflow.compat.v1 as tf

    net = _conv(x)
    kinds, _ = prove(tf.nn.relu(net), tf.nn.bias_add(net, _variable("c/biases", [3])))
    assert kinds.count("Conv2D") == 1
    assert "Embedding" in kinds
