"""Windows over space, against NumPy where TensorFlow's kernels know no float64."""

import numpy as np
import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly


def _pooled(volumes, window, stride, padding, function):
    """Pools [batch, depth, height, width, channels], padding left out of the function."""
    sizes = np.array(volumes.shape[1:4])
    if padding == "SAME":
        counts = -(-sizes // stride)
        before = np.maximum((counts - 1) * stride + window - sizes, 0) // 2
    else:
        counts, before = (sizes - window) // stride + 1, np.zeros(3, int)
    result = np.empty((len(volumes), *counts, volumes.shape[-1]), np.float32)
    for place in np.ndindex(*counts):
        start = np.array(place) * stride - before
        cut = tuple(slice(max(s, 0), s + w) for s, w in zip(start, window))
        result[(slice(None), *place)] = function(volumes[(slice(None), *cut)], axis=(1, 2, 3))
    return result


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_three_axes(graph, saved, padding):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5, 6, 7, 2], name="x")
    window, stride = np.array([2, 3, 2]), np.array([1, 2, 3])
    sizes = ([1, *window.tolist(), 1], [1, *stride.tolist(), 1])
    nets = [tf.nn.max_pool3d(x, *sizes, padding), tf.nn.avg_pool3d(x, *sizes, padding)]
    model = convert(saved(), inputs=["x:0"], outputs=[net.name for net in nets]).model
    volumes = np.random.default_rng(4).normal(size=(2, 5, 6, 7, 2)).astype(np.float32)
    largest, mean = run_eagerly(lambda: [np.asarray(each) for each in model(volumes)])
    np.testing.assert_array_equal(largest, _pooled(volumes, window, stride, padding, np.max))
    expected = _pooled(volumes.astype(np.float64), window, stride, padding, np.mean)
    np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("pool", ["max_pool3d", "avg_pool3d"])
def test_three_axes_are_proved(graph, prove, pool, padding):
    """Neither the graph nor Keras has a kernel for float64."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5, 6, 7, 2], name="x")
    prove(getattr(tf.nn, pool)(x, [1, 2, 3, 2, 1], [1, 1, 2, 3, 1], padding))


def test_windows_given_as_tensors(x, prove):
    import tensorflow.compat.v1 as tf

    net = tf.raw_ops.MaxPoolV2(
        input=x, ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="SAME", data_format="NHWC"
    )
    assert prove(net)[0] == ["MaxPooling2D"]


def test_maxima_whose_places_nobody_asks_for(x, saved):
    import tensorflow.compat.v1 as tf

    largest, places = tf.nn.max_pool_with_argmax(x, [1, 2, 3, 1], [1, 2, 2, 1], "SAME")
    checkpoint = saved()
    plan = convert(checkpoint, inputs=["x:0"], outputs=[largest.name]).plan
    assert [record.target for record in plan.layers] == ["layers.MaxPooling2D"]
    with pytest.raises(UnsupportedOpError, match="MaxPoolWithArgmax"):
        convert(checkpoint, inputs=["x:0"], outputs=[places.name])


def test_windows_over_channels_or_padded_by_hand_are_refused(x, saved):
    import tensorflow.compat.v1 as tf

    over_channels = tf.nn.max_pool(x, [1, 1, 1, 2], [1, 1, 1, 2], "VALID")
    by_hand = tf.nn.max_pool(x, 2, 2, [[0, 0], [1, 0], [0, 1], [0, 0]])
    checkpoint = saved()
    for net in (over_channels, by_hand):
        with pytest.raises(UnsupportedOpError, match="MaxPool"):
            convert(checkpoint, inputs=["x:0"], outputs=[net.name])
