"""The proof takes every form of graph that the migration takes, from end to end."""

import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.network.sources import Source
from slimfix.parity import diff_parity


@pytest.fixture
def prove(saved, tmp_path):
    def run(**names):
        migration = convert(saved(), **names)
        path = str(tmp_path / "model.keras")
        run_eagerly(migration.model.save, path)
        return migration, diff_parity(path, migration)

    return run


@pytest.mark.parametrize("default", [True, False])
def test_conditionals_of_version_2(graph, prove, default):
    """Batch norm and dropout in the branches of tf.cond as TensorFlow 2 makes it."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5, 4, 3], name="x")
    is_training = (
        tf.placeholder_with_default(False, [], name="is_training")
        if default
        else tf.placeholder(tf.bool, [], name="is_training")
    )
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    gamma, beta, mean, variance = (
        tf.get_variable(f"bn/{name}", [3], use_resource=True) for name in names
    )

    def normalise(training, *statistics):
        return tf.nn.fused_batch_norm(x, gamma, beta, *statistics, is_training=training)[0]

    before = tf.control_flow_v2_enabled()
    tf.enable_control_flow_v2()
    net = tf.cond(
        is_training, lambda: normalise(True), lambda: normalise(False, mean, variance), name="norm"
    )
    net = tf.cond(is_training, lambda: tf.nn.dropout(net, rate=0.3), lambda: net, name="drop")
    if not before:
        tf.disable_control_flow_v2()
    migration, result = prove(inputs="x:0", outputs=net.name)
    assert {node.op for node in graph.as_graph_def().node} & {"If", "StatelessIf"}
    assert result.passed
    assert result.outputs == migration.signature.outputs
    assert {row.kind for row in result.layers} == {"BatchNormalization", "Dropout"}


@pytest.mark.parametrize("spatial_output", [True, False])
def test_channels_first(graph, prove, spatial_output):
    """Inputs, layers and outputs that the model has in another order of axes."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3, 9, 7], name="x")
    kernel = tf.get_variable("w", [3, 3, 3, 5])
    net = tf.nn.conv2d(x, kernel, [1, 1, 2, 1], "SAME", data_format="NCHW")
    net = tf.nn.relu(net)
    if not spatial_output:
        net = tf.reduce_mean(net, [2, 3])
    net = tf.identity(net, name="end")
    migration, result = prove(outputs="end:0")
    assert result.passed
    assert "x:0" in migration.function.permutations
    assert result.samples == 16


def test_images_of_any_size_are_drawn_as_large_as_the_graph_wants(graph, prove):
    """A VALID window over all of a map that was shrunk refuses what is smaller than it."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, None, None, 3], name="x")
    net = tf.nn.max_pool(x, 32, 32, "VALID")
    net = tf.nn.conv2d(net, tf.get_variable("w", [8, 9, 3, 5]), 1, "VALID")
    tf.reduce_mean(net, [1, 2], name="end")
    _, result = prove(outputs="end:0")
    assert result.passed
    assert result.layers[0].shape == (2, 9, 9, 3)  # Of 299; 224 gives 7.


@pytest.mark.parametrize("fused", [True, False])
def test_training_mode_with_small_variances(graph, fused, tmp_path):
    """There the epsilon counts, as float32 has it: 0.001 is another number."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 5, 4, 3], name="x")
    net = slim.batch_norm(x, is_training=True, fused=fused, scope="bn")
    prefix, path = str(tmp_path / "model.ckpt"), str(tmp_path / "model.keras")
    (variance,) = (v for v in tf.global_variables() if "moving_variance" in v.name)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(tf.assign(variance, [1e-3, 2e-4, 5e-3]))
        tf.train.Saver().save(session, prefix, write_state=False)
    source = Source(prefix, batch_norm="moving")
    migration = convert(source, inputs="x:0", outputs=net.name)
    run_eagerly(migration.model.save, path)
    assert diff_parity(path, migration).layers[0].function_error < 1e-14
