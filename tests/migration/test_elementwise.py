"""Arithmetic, comparison, choice and functions of one tensor, against the graph in float64."""

import numpy as np
import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly

ROW = np.array([0.3, -1.7, 2.9, 0.017], np.float32)
PLANE = np.linspace(-1.3, 2.1, 7 * 5, dtype=np.float32).reshape(7, 5, 1)
SAMPLE = np.linspace(0.2, 3.1, 7 * 5 * 4, dtype=np.float32).reshape(7, 5, 4)


@pytest.mark.parametrize(
    "name",
    [
        "abs",
        "acosh",
        "asinh",
        "atan",
        "ceil",
        "cos",
        "cosh",
        "erf",
        "exp",
        "expm1",
        "floor",
        "is_finite",
        "is_nan",
        "log",
        "log1p",
        "negative",
        "reciprocal",
        "rint",
        "round",
        "rsqrt",
        "sigmoid",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "square",
        "tan",
        "tanh",
    ],
)
def test_function_of_one_tensor(x, prove, name):
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(getattr(tf.math, name)(x))
    assert len(kinds) == 1


@pytest.mark.parametrize("name", ["acos", "asin", "atanh"])
def test_function_of_numbers_up_to_one(x, prove, name):
    import tensorflow.compat.v1 as tf

    prove(getattr(tf.math, name)(tf.tanh(x)))


BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "divide_no_nan",
    "maximum",
    "minimum",
    "floordiv",
    "floormod",
    "atan2",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "equal",
    "not_equal",
    "squared_difference",
]


@pytest.mark.parametrize("name", BINARY)
def test_two_tensors_of_several_ranks(x, prove, name):
    """[batch, 7, 5, 4] with [batch, 1, 1, 4], and with [7, 5, 4] constants on either side."""
    import tensorflow.compat.v1 as tf

    binary = getattr(tf.math, name)
    other = tf.reduce_mean(x, [1, 2], keepdims=True)
    prove(binary(x, other), binary(other, x), binary(x, SAMPLE), binary(SAMPLE, x))


@pytest.mark.parametrize("constant", [0.37, ROW[:1], ROW, PLANE, SAMPLE, SAMPLE[None]])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum"])
def test_a_tensor_and_a_constant_of_any_shape(x, prove, name, constant):
    import tensorflow.compat.v1 as tf

    binary = getattr(tf.math, name)
    kinds, _ = prove(binary(x, constant), binary(constant, x))
    assert len(kinds) == 2


def test_tensors_of_different_ranks(x, prove):
    """Keras's Add would align [batch, 7, 5, 4] with [batch, 5, 4] otherwise than TensorFlow."""
    import tensorflow.compat.v1 as tf

    scores = tf.reduce_mean(x, [1, 2])  # [batch, 4] meets [7, batch, 5, 4]: ranks 2 and 4
    turned = tf.transpose(x, [1, 2, 0, 3])
    kinds, _ = prove(turned + scores)
    assert kinds[-1] == "subtract"


# What is added, and over which axes it is one number.
SHAPES = {
    (1, 1, 1): [1, 2, 3],
    (7, 1, 1): [2, 3],
    (1, 4, 1): [1, 3],
    (1, 1, 4): [1, 2],
    (7, 1, 4): [2],
    (7, 4, 4): [],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_taken_for_a_bias(graph, prove, shape):
    """As many samples, columns and channels: Keras would add some of these along the channels."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 7, 4, 4], name="x")
    constant = np.linspace(-1.1, 2.3, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    computed = tf.reduce_max(x, SHAPES[shape], keepdims=True)
    other = tf.reduce_min(x, [2, 3], keepdims=True)
    prove(x + constant, constant + x, computed + x, x + computed, other + computed)


def test_keras_still_takes_an_operand_for_a_bias():
    """The reason for all that; once this fails, addition can be plain again."""
    import keras

    x = np.zeros((4, 7, 5, 4), np.float32)
    one_a_sample = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1)
    added = run_eagerly(keras.ops.add, x, one_a_sample)
    assert not np.array_equal(run_eagerly(keras.ops.convert_to_numpy, added), x + one_a_sample)


def test_powers_and_clips(x, prove):
    import tensorflow.compat.v1 as tf

    positive = tf.abs(x) + 0.25
    kinds, _ = prove(
        tf.pow(positive, -0.75),
        tf.pow(1.7, x),
        tf.pow(positive, ROW),
        tf.clip_by_value(x, -0.3, 0.7),
        tf.raw_ops.ClipByValue(t=x, clip_value_min=-0.2, clip_value_max=0.6),
    )
    assert kinds.count("clip") == 1 and kinds.count("power") == 3


def test_add_n(x, prove):
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(tf.add_n([x, tf.sin(x), tf.exp(-tf.abs(x))]))
    assert kinds[-1] == "Add"


def test_choice(x, prove):
    import tensorflow.compat.v1 as tf

    test = tf.logical_and(x > -0.4, tf.logical_not(tf.logical_or(x > 0.9, tf.equal(x, 0.1))))
    kinds, _ = prove(
        tf.where(test, tf.sin(x), x),
        tf.where_v2(test, x, -0.25),
        tf.where_v2(test, 0.5, SAMPLE),
        tf.where_v2(x > ROW, SAMPLE, x),
    )
    assert kinds.count("where") == 4


def test_an_old_choice_of_whole_samples_is_refused(x, saved):
    """Select with one condition a sample does not broadcast as NumPy does."""
    import tensorflow.compat.v1 as tf

    chosen = tf.where(tf.reduce_sum(x, [1, 2, 3]) > 0, x, -x)
    with pytest.raises(UnsupportedOpError, match="Select "):
        convert(saved(), inputs=["x:0"], outputs=[chosen.name])


def test_half_floats_are_refused(x, saved):
    import tensorflow.compat.v1 as tf

    single = tf.cast(tf.cast(x, tf.float16) * 2.0, tf.float32)
    with pytest.raises(UnsupportedOpError, match=r"No converter for 2 of 3 nodes.*\n.*Cast "):
        convert(saved(), inputs=["x:0"], outputs=[single.name])


def test_casts(x, prove):
    import tensorflow.compat.v1 as tf

    whole = tf.cast(x * 10.0, tf.int32)
    kinds, _ = prove(
        tf.cast(whole, tf.float32) / 255.0,
        tf.cast(x > 0.1, tf.float32) * x,
        tf.cast(tf.floormod(whole, 7) // 2 + whole * 3 - 1, tf.float32),
        tf.cast(tf.cast(x, tf.float64) * 0.1, tf.float32),
        tf.cast(tf.cast(whole, tf.bool), tf.float32),
    )
    assert "cast" in kinds


def test_integer_division_towards_zero_is_refused(x, saved):
    import tensorflow.compat.v1 as tf

    whole = tf.cast(x, tf.int32)
    cut = tf.cast(tf.raw_ops.Div(x=whole, y=3), tf.float32)
    with pytest.raises(UnsupportedOpError, match="Div "):
        convert(saved(), inputs=["x:0"], outputs=[cut.name])


def test_activations_in_parts(x, prove):
    """Hard swish, swish with its own gradient, gelu, leaky and clipped ReLU as arithmetic."""
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(
        x * tf.nn.relu6(x + 3.0) * 0.16666667,
        tf.nn.swish(x),
        0.5 * x * (1.0 + tf.erf(x / np.sqrt(2.0))),
        tf.maximum(x, 0.1 * x),
        tf.minimum(tf.nn.relu(x), 5.5),
        x * tf.tanh(tf.nn.softplus(x)),
        tf.nn.log_softmax(x),
        tf.nn.softmax(x, axis=1),
    )
    assert "Permute" in kinds


def test_softmax_of_slim_is_one_layer(x, prove):
    from slimfix import slim

    kinds, _ = prove(slim.softmax(x))
    assert kinds == ["Softmax"]


@pytest.mark.parametrize("dim", [3, [1, 2]])
def test_l2_normalize(x, prove, dim):
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(tf.nn.l2_normalize(x, dim), tf.nn.l2_normalize(x, dim, epsilon=3.0))
    assert "UnitNormalization" not in kinds  # Keras bounds the norm, TensorFlow its square.


def test_broadcasting_along_a_first_axis_that_is_not_the_batch(graph, prove):
    """Keras's layers for two tensors refuse other sizes in front."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 7, 4], name="x")
    time_first = tf.transpose(x, [1, 0, 2])
    mean = tf.reduce_mean(time_first, 0, keepdims=True)
    results = [time_first * mean, time_first + mean, time_first - mean, mean - time_first]
    kinds, _ = prove(*results, tf.maximum(mean, time_first))
    assert kinds[2:] == ["multiply", "add", "subtract", "subtract", "maximum"]


def test_a_leak_below_zero(x, prove):
    """Keras's layer refuses one."""
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(tf.nn.leaky_relu(x, -0.5), tf.nn.leaky_relu(x, 0.3))
    assert kinds == ["leaky_relu", "LeakyReLU"]


def test_a_choice_of_two_numbers_keeps_their_dtype(graph, saved, tmp_path):
    import keras
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float64, [None, 3], name="x")
    numbers = [tf.constant(number, tf.float64) for number in (0.1, 0.3)]
    net = tf.raw_ops.SelectV2(condition=x > 0, t=numbers[0], e=numbers[1])
    model = convert(saved(), inputs=["x:0"], outputs=[net.name]).model
    path = str(tmp_path / "model.keras")
    run_eagerly(model.save, path)
    result = run_eagerly(run_eagerly(keras.models.load_model, path), np.array([[-1.0, 2.0, 3.0]]))
    np.testing.assert_array_equal(np.asarray(result), np.array([[0.3, 0.1, 0.1]]))
