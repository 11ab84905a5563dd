"""What of a graph becomes numbers of the model: what pure ops make of constants, nothing else."""

import numpy as np
import pytest

from slimfix import slim
from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.network.sources import Source


def ends(x, value):
    import tensorflow.compat.v1 as tf

    return tf.identity(slim.fully_connected(x + value, 3, activation_fn=None, scope="fc"), "end")


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 6], name="x")


def test_what_networks_compute_from_constants_is_computed(x, saved):
    """256 by 256 numbers, from two."""
    import tensorflow.compat.v1 as tf

    ends(x, tf.reduce_mean(tf.tile(tf.constant([[0.5, 0.25]]), [256, 128])))
    migration = convert(saved(), inputs=["x:0"], outputs=["end:0"])
    np.testing.assert_array_equal(migration.function.constants["Mean:0"], np.float32(0.375))


def test_a_file_is_never_read_into_a_model(x, saved, tmp_path):
    """Not where its op may run either: the proof runs it then, and no converter knows it."""
    import tensorflow.compat.v1 as tf

    path = tmp_path / "secret.txt"
    path.write_text("AB")
    text = tf.decode_raw(tf.io.read_file(str(path)), tf.uint8)
    ends(x, tf.reduce_mean(tf.cast(text, tf.float32)))
    source = Source(saved(), allow_ops=["ReadFile"])
    with pytest.raises(UnsupportedOpError, match="ReadFile"):
        convert(source, inputs=["x:0"], outputs=["end:0"])


def test_random_numbers_are_no_constants(x, saved):
    """TensorFlow has no mark of state on the stateless ones."""
    import tensorflow.compat.v1 as tf

    ends(x, tf.random.stateless_normal([6], seed=[3, 5]))
    with pytest.raises(UnsupportedOpError, match="StatelessRandom"):
        convert(saved(), inputs=["x:0"], outputs=["end:0"])
