"""Layer, instance and group norm, and local response normalisation."""

import numpy as np
import pytest


def test_layer_norm(x, prove):
    from slimfix import slim

    kinds, migration = prove(slim.layer_norm(x, scope="norm"))
    assert kinds == ["GroupNormalization"]
    layer = migration.model.get_layer("norm")
    assert (layer.groups, layer.epsilon) == (1, pytest.approx(1e-12))
    assert [w.path for w in migration.model.weights] == ["norm/gamma", "norm/beta"]


@pytest.mark.parametrize("arguments", [{}, {"center": False}, {"scale": False}])
@pytest.mark.parametrize("begin", [(1, 1), (3, 3), (-1, -1), (2, 2), (1, -1)])
def test_layer_norm_over_any_axes(x, prove, arguments, begin):
    from slimfix import slim

    net = slim.layer_norm(x, begin_norm_axis=begin[0], begin_params_axis=begin[1], **arguments)
    kinds, _ = prove(net)
    assert kinds == ["GroupNormalization" if begin == (1, -1) else "LayerNormalization"]


@pytest.mark.parametrize("arguments", [{}, {"center": False, "scale": False}])
def test_layer_norm_of_vectors_and_sequences(x, prove, arguments):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    vectors = slim.layer_norm(slim.flatten(x), scope="a", **arguments)
    sequence = slim.layer_norm(tf.reshape(x, [-1, 35, 4]), scope="b", **arguments)
    kinds, _ = prove(vectors, sequence)
    norms = sorted(kind for kind in kinds if "Normalization" in kind)
    plain = arguments != {}
    expected = ["LayerNormalization"] * 2 if plain else ["GroupNormalization", "LayerNormalization"]
    assert norms == expected


@pytest.mark.parametrize("arguments", [{}, {"center": False}, {"scale": False}])
def test_instance_norm(x, prove, arguments):
    from slimfix import slim

    kinds, migration = prove(slim.instance_norm(x, scope="norm", **arguments))
    assert kinds == ["GroupNormalization"]
    assert migration.model.get_layer("norm").groups == 4


@pytest.mark.parametrize("arguments", [{}, {"center": False}, {"scale": False}])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(x, prove, arguments, groups):
    from slimfix import slim

    net = slim.group_norm(x, groups=groups, scope="norm", **arguments)
    kinds, migration = prove(net * 0.5)
    assert kinds == ["GroupNormalization", "multiply"]
    assert migration.model.get_layer("norm").groups == groups


def test_norms_keep_their_penalties(x, prove):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    penalty = slim.l2_regularizer(0.003)
    with tf.variable_scope("net", regularizer=penalty):
        net = slim.layer_norm(x, scope="norm")
    _, migration = prove(net)
    layer = migration.model.get_layer("net__norm")
    assert float(layer.gamma_regularizer.l2) == pytest.approx(0.0015)
    assert float(layer.beta_regularizer.l2) == pytest.approx(0.0015)


def test_moments_of_something_else_are_no_norm(x, prove):
    """The variance around another mean has the same form; it is left to plain arithmetic."""
    import tensorflow.compat.v1 as tf

    mean = tf.reduce_mean(x, [1, 2, 3], keepdims=True)
    wrong = tf.reduce_mean(tf.math.squared_difference(tf.sin(x), mean), [1, 2, 3], keepdims=True)
    net = tf.nn.batch_normalization(x, mean, wrong, None, None, 0.001)
    kinds, _ = prove(net)
    assert not [kind for kind in kinds if "Normalization" in kind]


@pytest.mark.parametrize("radius", [1, 2, 5])
@pytest.mark.parametrize("beta", [0.75, 0.5, 1.0])
def test_local_response_normalisation(x, prove, radius, beta):
    import tensorflow.compat.v1 as tf

    net = tf.nn.local_response_normalization(x, radius, bias=1.7, alpha=0.03, beta=beta)
    kinds, _ = prove(net)
    assert kinds == ["square", "matmul", "add", "power", "Multiply"]


def test_local_response_normalisation_by_hand(x, saved):
    import tensorflow.compat.v1 as tf

    from slimfix.migration import convert
    from slimfix.migration.eager import run_eagerly

    net = tf.nn.lrn(x, 1, bias=2.0, alpha=0.25, beta=0.75)
    model = convert(saved(), inputs=["x:0"], outputs=[net.name]).model
    value = np.random.default_rng(3).normal(size=(2, 7, 5, 4)).astype(np.float32)
    square = np.pad(value.astype(np.float64) ** 2, [(0, 0)] * 3 + [(1, 1)])
    sums = square[..., :-2] + square[..., 1:-1] + square[..., 2:]
    expected = value / (2.0 + 0.25 * sums) ** 0.75
    np.testing.assert_allclose(run_eagerly(model, value), expected, rtol=2e-6)


@pytest.mark.parametrize(
    ("shape", "axes", "sizes"),
    [
        ([None, 4, 4], [1], [4]),
        ([None, 4, 5, 4], [1], [4]),
        ([None, 4, 4, 4], [1, 2], [4, 4]),
        ([None, 4, 4, 4], [1, 3], [4, 4]),
    ],
)
def test_parameters_lie_along_the_last_axes_where_sizes_agree(graph, prove, shape, axes, sizes):
    """Keras's layer norm has them along the axes that it normalises."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, shape, name="x")
    mean, variance = tf.nn.moments(x, axes, keepdims=True)
    beta, gamma = (tf.get_variable(name, sizes) for name in ("beta", "gamma"))
    kinds, _ = prove(tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3))
    assert "LayerNormalization" not in kinds
    assert kinds == ["GroupNormalization"] or len(kinds) > 1
