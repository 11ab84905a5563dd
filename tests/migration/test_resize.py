"""Resizing with TensorFlow 1's pixel centres, against its kernels and its float64 formula."""

import numpy as np
import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly

WAYS = [
    {},
    {"align_corners": True},
    {"half_pixel_centers": True},
]
SIZES = [(14, 10), (3, 4), (11, 9), (7, 13), (1, 1), (21, 5), (70, 51)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_resized(x, prove, way, size):
    """The proof compares with the kernels in float32 too: which pixels they take, and how much."""
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(
        tf.raw_ops.ResizeBilinear(images=x, size=size, **way),
        tf.raw_ops.ResizeNearestNeighbor(images=x, size=size, **way),
    )
    if size == (14, 10):
        assert "UpSampling2D" in kinds


@pytest.mark.parametrize("way", WAYS)
def test_each_pixel_is_where_tensorflow_puts_it(graph, saved, way):
    """A ramp shows the coordinates themselves: no error hides in small values."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 17, 1, 1], name="x")
    nets = [
        tf.raw_ops.ResizeBilinear(images=x, size=[43, 1], **way),
        tf.raw_ops.ResizeNearestNeighbor(images=x, size=[43, 1], **way),
    ]
    ramp = np.arange(17, dtype=np.float32).reshape(1, 17, 1, 1)
    with tf.Session() as session:
        expected = session.run(nets, {x: ramp})
    model = convert(saved(), inputs=["x:0"], outputs=[net.name for net in nets]).model
    found = run_eagerly(model, ramp)
    np.testing.assert_allclose(found[0], expected[0], rtol=3e-7, atol=1e-7)
    assert np.array_equal(found[1], expected[1])


def test_to_the_size_of_another_tensor(x, prove):
    """As a feature pyramid does: the size comes from tf.shape of a tensor of known size."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    small = slim.avg_pool2d(x, 2, stride=2, scope="p")
    kinds, _ = prove(x + tf.image.resize_bilinear(small, tf.shape(x)[1:3], align_corners=True))
    assert kinds.count("matmul") >= 2


def test_a_size_that_only_the_data_tells_is_refused(graph, saved):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, None, None, 3], name="x")
    net = tf.image.resize_bilinear(x, [8, 9])
    with pytest.raises(UnsupportedOpError, match="  ResizeBilinear "):
        convert(saved(), inputs=["x:0"], outputs=[net.name])
