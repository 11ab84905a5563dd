"""What TensorFlow says of a graph that it does not take, in a user's words."""

import pytest

from slimfix.errors import MigrationError, RecalibrationError
from slimfix.running import building


def test_shapes_that_do_not_fit_are_told():
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), pytest.raises(MigrationError) as caught, building():
        tf.matmul(tf.zeros([2, 3]), tf.zeros([5, 7]))
    text = str(caught.value)
    assert text.startswith(f"TensorFlow {tf.__version__} refuses the graph:\n  ValueError: ")
    assert "3 and 5" in text


def test_an_op_without_a_gradient_is_told():
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [3])
        y = tf.raw_ops.NthElement(input=x, n=1)
        z = tf.raw_ops.Bucketize(input=y, boundaries=[1.0])
        end = tf.raw_ops.Unique(x=x).y + tf.cast(z, tf.float32)
        with pytest.raises(RecalibrationError), building(RecalibrationError):
            tf.gradients(end, x)


def test_what_slimfix_says_itself_stays_as_it_is():
    with pytest.raises(RecalibrationError, match=r"^mine$"), building():
        raise RecalibrationError("mine")
