"""find_batch_norm_layers: what the records say of live graphs is what a session finds there."""

import numpy as np
import pytest

from slimfix import find_batch_norm_layers, slim
from slimfix.errors import CheckpointError, UsageError

WORLDS = ["ref", "resource", "resource and control flow version 2"]
BATCH = np.random.RandomState(3).normal(1.5, 2.0, size=(4, 5, 3, 2)).astype(np.float32)
RANK2 = BATCH.reshape(30, 4)
# Arguments of slim.batch_norm -> what its batch_variance is, of 60 elements a channel in rank 4
# and 30 in rank 2: the fused op hands out the variance times N/(N-1).
VARIANTS = {
    "default": ({}, 1),
    "forced": ({"updates_collections": None}, 1),
    "zero_debias": ({"zero_debias_moving_mean": True}, 1),
    "unfused": ({"fused": False, "scale": True}, 0),
    "renorm": ({"renorm": True}, 0),
}


def build(rank, is_training, arguments):
    import tensorflow.compat.v1 as tf

    values = BATCH if rank == 4 else RANK2
    x = tf.placeholder(tf.float32, values.shape, name="x")
    y = slim.batch_norm(x, is_training=is_training, scope="bn", **arguments)
    return x, y, values


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
@pytest.mark.parametrize("switched", [True, False])
@pytest.mark.parametrize("rank", [2, 4])
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_session_finds_the_tensors(graph, variable_kind, variant, rank, switched):
    """The input, the output and the batch's statistics against NumPy in float64."""
    import tensorflow.compat.v1 as tf

    arguments, correction = VARIANTS[variant]
    is_training = tf.placeholder(tf.bool, [], name="is_training") if switched else True
    x, y, values = build(rank, is_training, arguments)
    (layer,) = find_batch_norm_layers()
    tensors = [layer.input, layer.output, layer.batch_mean, layer.batch_variance]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        feed = {x: values, is_training: True} if switched else {x: values}
        found, normalised, mean, variance, wanted = session.run([*tensors, y], feed)
    np.testing.assert_array_equal(found.reshape(values.shape), values)
    np.testing.assert_array_equal(normalised.reshape(values.shape), wanted)
    flat = values.astype(np.float64).reshape(-1, values.shape[-1])
    np.testing.assert_allclose(mean.ravel(), flat.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(variance.ravel(), flat.var(axis=0, ddof=correction), rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_channels_first(graph, fused):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [4, 5, 3, 2])
    slim.batch_norm(x, data_format="NCHW", fused=fused, is_training=True, scope="first")
    slim.batch_norm(x, data_format="NHWC", fused=fused, is_training=True, scope="last")
    assert [(layer.scope, layer.axis) for layer in find_batch_norm_layers()] == [
        ("first", 1), ("last", -1)
    ]  # fmt: skip


def test_collections_that_hold_the_updates(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    y = slim.batch_norm(x, scope="usual")
    y = slim.batch_norm(y, scope="other", updates_collections="elsewhere")
    y = slim.batch_norm(y, scope="forced", updates_collections=None)
    y = slim.batch_norm(y, scope="debiased", zero_debias_moving_mean=True)
    tf.add_to_collection("grouped", tf.group(*tf.get_collection("elsewhere")))
    tf.add_to_collection("results", y)  # Waits for the forced updates, and is none.
    tf.add_to_collection("words", "usual/beta")
    found = {layer.scope: layer.update_collections for layer in find_batch_norm_layers(graph)}
    assert found == {
        "usual": ("update_ops",),
        "other": ("elsewhere", "grouped"),
        "forced": (),
        "debiased": ("update_ops",),
    }


def test_shared_layers(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    slim.batch_norm(x, scope="twice")
    slim.batch_norm(x, scope="once")
    slim.batch_norm(x, scope="twice", reuse=True)
    assert [(layer.scope, layer.shared) for layer in find_batch_norm_layers()] == [
        ("twice", True), ("once", False), ("twice", True)
    ]  # fmt: skip


def test_partitioned_parameters(graph):
    """slim never partitions the moving statistics, but it does beta and gamma."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    with tf.variable_scope("net", partitioner=tf.fixed_size_partitioner(2)):
        slim.batch_norm(x, scale=True, fused=False, scope="bn")
    (layer,) = find_batch_norm_layers()
    assert (layer.moving_mean, layer.moving_variance) == (
        "net/bn/moving_mean", "net/bn/moving_variance"
    )  # fmt: skip
    assert (layer.beta, layer.gamma) == ("net/bn/beta", "net/bn/gamma")


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
def test_a_meta_file_reads_as_its_graph(graph, variable_kind, tmp_path):
    import tensorflow.compat.v1 as tf

    build(4, tf.placeholder(tf.bool, []), {"zero_debias_moving_mean": True})
    live = find_batch_norm_layers()
    path = tmp_path / "model.meta"
    meta_graph = tf.train.export_meta_graph(str(path))
    assert live[0].update_collections == ("update_ops",)
    assert find_batch_norm_layers(meta_graph) == live
    assert find_batch_norm_layers(path) == find_batch_norm_layers(str(path)) == live


def test_reads_the_digits_of_tensorflow_1_15():
    """From the .meta file alone: nothing is imported."""
    layers = find_batch_norm_layers("tests/golden/digits/good/model.ckpt.meta")
    scopes = [layer.scope.split("/", 1)[1] for layer in layers]
    assert scopes == ["conv1/BatchNorm", "sepconv2/BatchNorm", "fc4/BatchNorm"]
    assert {layer.update_collections for layer in layers} == {("update_ops",)}
    assert {(layer.mode, layer.switch) for layer in layers} == {("switched", "is_training:0")}
    assert [layer.decay for layer in layers] == [0.95] * 3
    assert layers[0].input == "digits/conv1/Conv2D:0"


def test_refuses_what_is_no_graph(tmp_path):
    with pytest.raises(CheckpointError, match="No graph file"):
        find_batch_norm_layers(tmp_path / "missing.meta")
    with pytest.raises(UsageError, match="Cannot find batch-norm layers in a int"):
        find_batch_norm_layers(5)


def test_in_a_loop(graph):
    """A layer in a while body is found, in both versions of control flow."""
    import tensorflow.compat.v1 as tf

    def grow(index, value):
        return index + 1, slim.batch_norm(value, scope="bn", reuse=tf.AUTO_REUSE)

    tf.enable_resource_variables()
    found = []
    for switch in (tf.disable_control_flow_v2, tf.enable_control_flow_v2):
        switch()
        with tf.Graph().as_default():
            x = tf.placeholder(tf.float32, [4, 3, 2, 6])
            slim.batch_norm(x, scope="bn")
            tf.while_loop(lambda index, value: index < 3, grow, [0, x])
            found.append(find_batch_norm_layers())
    for layers in found:
        assert [layer.moving_mean for layer in layers] == ["bn/moving_mean"] * 2
        assert [layer.batch_mean for layer in layers][1] is None  # No session could fetch it.


@pytest.mark.parametrize("variable_kind", WORLDS[1:2], indirect=True)
def test_a_layer_of_a_function(graph, variable_kind):
    """tf.function in a version 1 graph: the call is opened."""
    import tensorflow as tf2
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [4, 3, 2, 6], name="photo")
    one, zero = tf.ones([6]), tf.zeros([6])
    mean = tf.get_variable("mean", [6], trainable=False)
    variance = tf.get_variable("variance", [6], trainable=False)

    @tf2.function
    def normalise(value):
        moments = mean.read_value(), variance.read_value()
        return tf.nn.fused_batch_norm(value, one, zero, *moments, is_training=False)[0]

    called = normalise(x)
    (layer,) = find_batch_norm_layers()
    assert (layer.moving_mean, layer.moving_variance) == ("mean", "variance")
    assert layer.input == "photo:0"
    assert called.shape == (4, 3, 2, 6)
