"""Networks that were built to train, for good, are run as inference runs them."""

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.graphdef.functions import inline_functions
from slimfix.reference.recording import read_recording
from tests.reference.run_once import run_reference

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def values_of(graph):
    """Distinct values by the name of each variable; variances above zero."""
    import tensorflow.compat.v1 as tf

    generator = np.random.default_rng(5)
    with graph.as_default():
        return {
            variable.op.name: generator.uniform(0.25, 1.75, variable.shape.as_list()).astype(
                np.float32
            )
            for variable in tf.global_variables()
        }


def closed_form(x, values, axis, epsilon):
    """Ioffe and Szegedy 2015, algorithm 2, in NumPy float64."""
    shape = [1] * x.ndim
    shape[axis] = -1
    (scope,) = {name.rpartition("/")[0] for name in values}
    wide = {name.rpartition("/")[2]: np.float64(v).reshape(shape) for name, v in values.items()}
    spread = np.sqrt(wide["moving_variance"] + np.float64(np.float32(epsilon)))
    normal = (x.astype(np.float64) - wide["moving_mean"]) / spread
    return normal * wide.get("gamma", 1.0) + wide.get("beta", 0.0), scope


def batch_norm(tf, x, axis, fused, updates_in_place, scale=True):
    """What slim.batch_norm(is_training=True) makes."""
    channels = x.shape.as_list()[axis]
    with tf.variable_scope("net/BatchNorm"):
        gamma = tf.get_variable("gamma", [channels]) if scale else tf.ones([channels])
        beta = tf.get_variable("beta", [channels])
        moving = [
            tf.get_variable(name, [channels], trainable=False)
            for name in ("moving_mean", "moving_variance")
        ]
        if fused:
            data_format = "NHWC" if axis == -1 else "NCHW"
            y, mean, variance = tf.nn.fused_batch_norm(
                x, gamma, beta, epsilon=2e-3, data_format=data_format
            )
        else:
            over = [i for i in range(x.shape.rank) if i != axis % x.shape.rank]
            mean, variance = tf.nn.moments(x, over)
            shape = [1, channels] + [1] * (x.shape.rank - 2) if axis == 1 else [-1]
            wide = [tf.reshape(t, shape) for t in (mean, variance, beta, gamma)]
            y = tf.nn.batch_normalization(x, *wide[:2], wide[2], wide[3] if scale else None, 2e-3)
        updates = [
            tf.assign_sub(variable, (variable - value) * 0.1)
            for variable, value in zip(moving, (mean, variance))
        ]
        if updates_in_place:
            with tf.control_dependencies(updates):
                y = tf.identity(y)
        return y


@pytest.mark.parametrize("updates_in_place", [False, True])
@pytest.mark.parametrize("float64", [True, False])
@pytest.mark.parametrize(
    ("shape", "axis", "fused"),
    [
        ((5, 4, 6, 3), -1, True),
        ((5, 3, 4, 6), 1, True),
        ((5, 3), -1, False),
        ((5, 4, 6, 3), -1, False),
        ((5, 3, 4, 6), 1, False),
        ((5, 3, 4, 6, 2), 1, False),
        ((5, 4, 2, 6, 3), -1, False),
    ],
)
def test_moving_statistics_take_the_place_of_the_batch(
    graph, shape, axis, fused, float64, updates_in_place
):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, *shape[1:]], name="x")
    made = batch_norm(tf, x, axis, fused, updates_in_place)
    values = values_of(graph)
    fed = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    view = inline_functions(graph.as_graph_def())
    result = run_reference(view, values.__getitem__, {"x:0": fed}, [made.name], float64)
    expected, scope = closed_form(fed, values, axis, 2e-3)
    assert scope == "net/BatchNorm"
    rounding = EXACT if float64 else {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(result[made.name], expected, **rounding)


def test_a_norm_without_moving_statistics_keeps_those_of_its_input(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 4, 5, 3], name="x")
    made = tf.nn.fused_batch_norm(x, [1.0, 2, 3], [4.0, 5, 6], epsilon=2e-3)[0]
    fed = np.random.default_rng(1).normal(size=(2, 4, 5, 3)).astype(np.float32)
    view = inline_functions(graph.as_graph_def())
    (value,) = run_reference(view, lambda name: None, {"x:0": fed}, [made.name], True).values()
    wide = fed.astype(np.float64)
    spread = np.sqrt(wide.var((0, 1, 2)) + np.float64(np.float32(2e-3)))
    expected = (wide - wide.mean((0, 1, 2))) / spread * [1, 2, 3] + [4, 5, 6]
    np.testing.assert_allclose(value, expected, **EXACT)


@pytest.mark.parametrize("keep_prob", ["constant", "placeholder"])
def test_dropout_without_a_switch_hands_its_input_on(graph, keep_prob):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    rate = 0.4 if keep_prob == "constant" else 1 - tf.placeholder(tf.float32, [], name="keep")
    made = tf.nn.dropout(x * 3.0, rate=rate) + 1.0
    fed = np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]], np.float32)
    view = inline_functions(graph.as_graph_def())
    (value,) = run_reference(view, lambda name: None, {"x:0": fed}, [made.name], True).values()
    np.testing.assert_allclose(value, fed * 3.0 + 1.0, **EXACT)


@pytest.mark.parametrize("resource", [False, True])
def test_a_switch_that_is_a_variable_has_the_value_that_is_fed(graph, resource):
    """Whatever the checkpoint holds: it was saved in the middle of training."""
    import tensorflow.compat.v1 as tf

    is_training = tf.get_variable("is_training", [], tf.bool, use_resource=resource)
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    made = tf.cond(is_training, lambda: x * 5.0, lambda: x * 7.0)
    fed = np.array([[1.0, 2.0]], np.float32)
    view = inline_functions(graph.as_graph_def())
    for value, factor in ((True, 5.0), (False, 7.0)):
        feeds = {"x:0": fed, "is_training:0": value}
        result = run_reference(view, lambda name: np.array(True), feeds, [made.name], True)
        np.testing.assert_allclose(result[made.name], fed * factor, **EXACT)


def test_what_was_built_to_train_agrees_with_tensorflow_1_15():
    """The inference graph of the same weights, recorded there."""
    import tensorflow.compat.v1 as tf

    folder = "tests/golden/micro/rank2_scale"
    checkpoint, recording = (
        read_checkpoint(f"{folder}/model.ckpt"),
        read_recording(f"{folder}/recording.npz"),
    )
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, recording.inputs["x:0"].shape, name="x")
        variables = {
            name: tf.get_variable(name, checkpoint.variables[name].shape)
            for name in checkpoint.variables
            if name.startswith("net/fc/")
        }
        y = tf.matmul(x, variables["net/fc/weights"])
        mean, variance = tf.nn.moments(y, [0])
        gamma, beta, moving_mean, moving_variance = (
            variables[f"net/fc/BatchNorm/{name}"]
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        tf.assign_sub(moving_mean, (moving_mean - mean) * 0.1)
        tf.assign_sub(moving_variance, (moving_variance - variance) * 0.1)
        made = tf.nn.batch_normalization(y, mean, variance, beta, gamma, 1e-3)
    view = inline_functions(graph.as_graph_def())
    result = run_reference(view, checkpoint.read, dict(recording.inputs), [made.name], False)
    expected = recording.tensors["net/fc/BatchNorm/Reshape_1:0"]
    np.testing.assert_allclose(result[made.name], expected, rtol=1e-5, atol=1e-6)
