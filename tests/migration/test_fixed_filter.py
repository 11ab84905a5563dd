"""Constant kernels, as graphs blur with."""

import numpy as np
import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert


def _values(*shape):
    return (np.arange(np.prod(shape), dtype=np.float32).reshape(shape) - 3) / 7


@pytest.mark.parametrize("padding", ["SAME", "VALID", [[0, 0], [2, 1], [0, 3], [0, 0]]])
@pytest.mark.parametrize("stride, dilation", [(1, 1), ([2, 1], 1), (1, [1, 2])])
def test_convolution(x, prove, padding, stride, dilation):
    import tensorflow.compat.v1 as tf

    net = tf.nn.conv2d(x, _values(3, 2, 4, 3), stride, padding, dilations=dilation)
    kinds, migration = prove(net)
    assert kinds == (["pad"] if isinstance(padding, list) else []) + ["conv"]
    assert migration.model.weights == []


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise(x, prove, stride):
    import tensorflow.compat.v1 as tf

    net = tf.nn.depthwise_conv2d(x, _values(3, 3, 4, 2), [1, stride, stride, 1], "SAME")
    assert prove(net)[0] == ["depthwise_conv"]


def test_a_constant_bias(x, prove):
    import tensorflow.compat.v1 as tf

    net = tf.nn.conv2d(x, tf.get_variable("c/weights", [3, 2, 4, 3]), 1, "SAME")
    assert prove(tf.nn.bias_add(net, _values(3)))[0] == ["Conv2D", "Rescaling"]


def test_groups_are_refused(x, saved):
    import tensorflow.compat.v1 as tf

    net = tf.nn.conv2d(x, _values(3, 2, 2, 6), 1, "SAME")
    with pytest.raises(UnsupportedOpError, match="Conv2D"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])
