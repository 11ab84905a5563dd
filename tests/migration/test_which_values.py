"""Which value of a checkpoint a variable gets where names do not say it all."""

import numpy as np
import pytest

from slimfix.errors import CheckpointMismatchError, UnsupportedOpError, UsageError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly


def layer(x, scope):
    from slimfix import slim

    return slim.fully_connected(x, 4, activation_fn=None, scope=scope)


def save(path, var_list=None):
    import tensorflow.compat.v1 as tf

    generator = np.random.default_rng(2)
    with tf.Session() as session:
        for variable in tf.global_variables():
            variable.load(generator.normal(size=variable.shape.as_list()), session)
        prefix = tf.train.Saver(var_list).save(session, str(path / "model.ckpt"))
        return prefix, session.run({v.op.name: v.read_value() for v in tf.global_variables()})


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 4], name="x")


def test_names_that_a_saver_swapped(x, tmp_path):
    import tensorflow.compat.v1 as tf

    y = layer(layer(x, "a"), "b")
    other = {"a": "b", "b": "a"}
    swapped = {other[v.op.name[0]] + v.op.name[1:]: v for v in tf.global_variables()}
    prefix, values = save(tmp_path, swapped)
    migration = convert(prefix, outputs=y.name)
    batch = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    wanted = batch
    for scope in "ab":
        wanted = wanted @ values[f"{scope}/weights"] + values[f"{scope}/biases"]
    np.testing.assert_allclose(run_eagerly(migration.model, batch), wanted, rtol=1e-4, atol=1e-5)


def test_values_of_another_network_are_not_taken(x, tmp_path):
    """Only the target network was saved, under the names of the one that learns."""
    import tensorflow.compat.v1 as tf

    y = layer(x, "net")
    layer(x, "target/net")
    targets = [v for v in tf.global_variables() if v.op.name.startswith("target/")]
    prefix, _ = save(tmp_path, {v.op.name[len("target/") :]: v for v in targets})
    with pytest.raises(CheckpointMismatchError, match="by the graph's Saver, another's"):
        convert(prefix, outputs=y.name)


def test_shadows_made_in_a_scope(x, tmp_path):
    import tensorflow.compat.v1 as tf

    y = layer(x, "net")
    with tf.variable_scope("train"):
        tf.train.ExponentialMovingAverage(0.9).apply(tf.trainable_variables())
    prefix, values = save(tmp_path)
    with pytest.raises(UsageError, match="holds two values of 2 variables"):
        convert(prefix, outputs=y.name)
    migration = convert(prefix, outputs=y.name, values="shadow")
    np.testing.assert_array_equal(
        migration.read("net/weights"), values["train/net/weights/ExponentialMovingAverage"]
    )
    reasons = {fate.variable: fate.reason for fate in migration.variables}
    assert reasons["net/weights"] == "raw value; its moving-average shadow was migrated"
    assert reasons["train/net/weights/ExponentialMovingAverage"] == ""


def test_parts_have_the_shapes_of_parts(graph, tmp_path):
    """A lookup reads the parts one by one: that is not supported, yet no mismatch."""
    import tensorflow.compat.v1 as tf

    table = tf.get_variable("table", [5, 3], partitioner=tf.fixed_size_partitioner(2))
    y = tf.nn.embedding_lookup(table, tf.placeholder(tf.int32, [None, 4], name="x"))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(UnsupportedOpError, match="DynamicPartition"):
        convert(prefix, inputs="x", outputs=y.name)
