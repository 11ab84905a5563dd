"""What TensorFlow says of a graph that it does not take, or that fails, in a user's words."""

import numpy as np
import pytest

from slimfix.errors import MigrationError, RecalibrationError, UsageError
from slimfix.running import building, run_session, session_of


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


def test_thousands_of_additions_in_a_row():
    """At which Grappler ends the process."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph:
        x = y = tf.placeholder(tf.float32, [None, 3])
        for _ in range(2000):
            y = y + x
        picked = tf.shape(y)[0]
        with session_of(graph) as session:
            assert run_session(session, picked, {x: np.ones([2, 3])}) == 2


def test_a_variable_that_cannot_be_made():
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph:
        tf.raw_ops.VariableV2(shape=[3], dtype=tf.float32, container="\x08", name="beta")
        with session_of(graph) as session, pytest.raises(UsageError) as caught:
            run_session(session, "beta:0")
    assert str(caught.value).startswith("TensorFlow makes no variable of VariableV2 'beta':\n")
    assert "container contains invalid characters" in str(caught.value)


def test_a_python_function_that_is_not_there():
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph:
        tf.raw_ops.PyFunc(input=[1.0], token="pyfunc_of_another_program", Tout=[tf.float32])
        with session_of(graph) as session, pytest.raises(UsageError) as caught:
            run_session(session, "PyFunc:0")
    text = str(caught.value)
    assert text.startswith("TensorFlow cannot run PyFunc 'PyFunc' here:\n")
    assert "only in the program that made it" in text
    assert "(--inputs)" in text


def test_a_value_of_another_shape_is_told():
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        with session_of(graph) as session, pytest.raises(UsageError) as caught:
            run_session(session, x + 1, {x: np.float32(2)})
    assert str(caught.value).startswith("The graph does not take a value that is fed:\n")
    assert "which has shape " in str(caught.value)


def test_what_is_no_fetch_is_a_fault_of_the_caller():
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph:
        tf.constant(1.5)
        with session_of(graph) as session, pytest.raises(TypeError):
            run_session(session, object())
