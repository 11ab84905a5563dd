"""verify_checkpoint: all that inference needs is there, in shape, dtype and value."""

import glob

import make_crossing
import numpy as np
import pytest

from slimfix import build_saver, slim, verify_checkpoint
from slimfix.errors import CheckpointError, CheckpointMismatchError, UsageError
from tests.graph import small_net

MODEL = {
    "net/conv/weights",
    "net/conv/BatchNorm/beta",
    "net/conv/BatchNorm/moving_mean",
    "net/conv/BatchNorm/moving_variance",
    "net/logits/weights",
    "net/logits/biases",
}
STATISTICS = {"net/conv/BatchNorm/moving_mean", "net/conv/BatchNorm/moving_variance"}


@pytest.mark.parametrize("version", ["1.15.5", "2.21.0"])
def test_checkpoints_of_both_worlds(graph, variable_kind, version):
    make_crossing.build(slim)
    proof = verify_checkpoint(f"tests/golden/crossing/{version}/model.ckpt")
    assert "zero_debias/zero_debias/moving_mean/local_step" in proof.statistics
    assert "renorm/renorm_stddev" in proof.statistics
    assert set(proof.statistics) < set(proof.variables)
    assert not any("Momentum" in name or "Exponential" in name for name in proof.variables)
    assert "global_step" not in proof.variables
    assert not proof.values_compared


@pytest.mark.parametrize("meta", sorted(glob.glob("tests/golden/*/*/model.ckpt.meta")))
def test_every_golden_meta_file_with_its_checkpoint(meta):
    import tensorflow.compat.v1 as tf

    prefix = meta[: -len(".meta")]
    if "trainable_only" in prefix:
        with pytest.raises(CheckpointMismatchError, match="variables that inference needs"):
            verify_checkpoint(prefix, meta)
    else:
        saved = [name for name, _ in tf.train.list_variables(prefix)]
        moving = {name for name in saved if name.endswith(("moving_mean", "moving_variance"))}
        assert moving <= set(verify_checkpoint(prefix, meta).statistics)


def test_training_state_is_not_needed(graph, variable_kind, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt")
    small_net.build(optimizer=True, shadows=True)
    proof = verify_checkpoint(prefix)
    assert set(proof.variables) == MODEL
    assert set(proof.statistics) == STATISTICS


@pytest.mark.parametrize("missing", sorted(MODEL))
def test_any_variable_that_is_missing(graph, tmp_path, missing):
    import tensorflow.compat.v1 as tf

    def leave_out():
        return tf.train.Saver([v for v in tf.global_variables() if v.op.name != missing])

    prefix = small_net.write(tmp_path / "model.ckpt", leave_out)
    small_net.build()
    with pytest.raises(CheckpointMismatchError) as error:
        verify_checkpoint(prefix)
    assert str(error.value).startswith(
        f"Checkpoint prefix '{prefix}' does not hold 1 of 6 variables that inference needs:\n"
        f"  '{missing}': "
    )


def test_a_weight_called_like_a_slot_is_needed(graph, tmp_path):
    """Sabotage: by its name alone it would not be."""
    import tensorflow.compat.v1 as tf

    weights = tf.get_variable("fc/weights", [2, 3])
    momentum = tf.get_variable("fc/weights/Momentum", [2, 3])
    tf.reduce_sum(weights * momentum)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver([weights]).save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(CheckpointMismatchError, match="'fc/weights/Momentum'"):
        verify_checkpoint(prefix)


def test_a_statistic_in_no_collection(graph, tmp_path):
    """The structure of the graph shows it, and so it is needed."""
    import tensorflow.compat.v1 as tf

    mean = tf.get_variable("hidden/a", [5], collections=["nowhere"], trainable=False)
    variance = tf.get_variable("hidden/b", [5], collections=["nowhere"], trainable=False)
    x = tf.placeholder(tf.float32, [None, 3, 2, 5])
    tf.nn.fused_batch_norm(x, tf.ones([5]), tf.zeros([5]), mean, variance, is_training=False)
    with tf.Session() as session:
        session.run([mean.initializer, variance.initializer])
        prefix = tf.train.Saver([mean]).save(session, str(tmp_path / "half.ckpt"))
        with pytest.raises(CheckpointMismatchError, match="1 of 2 variables that inference needs"):
            verify_checkpoint(prefix)
        prefix = tf.train.Saver([mean, variance]).save(session, str(tmp_path / "whole.ckpt"))
        assert set(verify_checkpoint(prefix).statistics) == {"hidden/a", "hidden/b"}
        with pytest.raises(UsageError, match="they are in no collection"):
            verify_checkpoint(prefix, session=session)


@pytest.mark.parametrize("write_version", [1, 2])
def test_values(session, variable_kind, tmp_path, write_version):
    import tensorflow.compat.v1 as tf

    small_net.build(optimizer=True)
    table = tf.get_variable("table", [7, 3], partitioner=tf.fixed_size_partitioner(3))
    tf.get_variable("odd", initializer=np.array([np.nan, -0.0], np.float32))
    session.run(tf.global_variables_initializer())
    saver = build_saver(write_version=write_version)
    prefix = saver.save(session, str(tmp_path / "model.ckpt"))
    proof = verify_checkpoint(prefix, session=session)
    assert proof.values_compared
    assert set(proof.variables) == MODEL | {"table", "odd"}
    session.run(tf.assign(tf.train.get_global_step(), 7))  # No matter for inference.
    verify_checkpoint(prefix, session=session)
    part = list(table)[1]
    part.load(session.run(part) + np.eye(2, 3, dtype=np.float32) * 0.5, session)
    with pytest.raises(CheckpointMismatchError) as error:
        verify_checkpoint(prefix, session=session)
    assert str(error.value) == (
        f"Checkpoint prefix '{prefix}' holds other values than the session for 1 of 10 variables:\n"
        "  'table/part_1' [7,3] float32: 2 of 6 values differ, by up to 0.5\n"
        "Likely cause: the variables were trained, assigned or initialized since it was saved, or "
        "it is the checkpoint of another run.\n"
        "Fix: save again, or restore it first."
    )


def test_the_smallest_change_of_a_value(session, tmp_path):
    import tensorflow.compat.v1 as tf

    variable = tf.get_variable("a", initializer=np.float32([0.0, 1.5]))
    session.run(variable.initializer)
    prefix = build_saver().save(session, str(tmp_path / "model.ckpt"))
    variable.load(np.float32([-0.0, 1.5]), session)
    with pytest.raises(CheckpointMismatchError, match="1 of 2 values differ, by up to 0"):
        verify_checkpoint(prefix, session=session)


def test_graphs_of_each_kind(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt", optimizer=True, shadows=True)
    small_net.build(optimizer=True, shadows=True)
    meta_graph = tf.train.export_meta_graph(str(tmp_path / "graph.meta"))
    live = verify_checkpoint(prefix, graph)
    with tf.Graph().as_default() as other:
        assert verify_checkpoint(prefix, graph) == live
        assert verify_checkpoint(prefix, meta_graph) == live
        assert verify_checkpoint(prefix, tmp_path / "graph.meta") == live
        with tf.Session() as session, pytest.raises(UsageError, match="not the session's"):
            verify_checkpoint(prefix, graph, session)
        with pytest.raises(UsageError, match="found no variable"):
            verify_checkpoint(prefix, other)


def test_a_partitioned_variable_of_a_meta_file(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    tf.get_variable("table", [7, 3], partitioner=tf.fixed_size_partitioner(3))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    assert verify_checkpoint(prefix, prefix + ".meta").variables == ("table",)


def test_missing_files(graph, tmp_path):
    small_net.build()
    with pytest.raises(CheckpointError, match="No checkpoint at prefix"):
        verify_checkpoint(str(tmp_path / "model.ckpt"))
    with pytest.raises(CheckpointError, match="No graph file"):
        verify_checkpoint("tests/golden/digits/good/model.ckpt", str(tmp_path / "model.meta"))


def test_values_that_cannot_be_read(graph, session, tmp_path):
    """Without a session too: the index alone says nothing of the data file."""
    import tensorflow.compat.v1 as tf

    small_net.build()
    session.run(tf.global_variables_initializer())
    prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    assert verify_checkpoint(prefix).variables
    with open(prefix + ".data-00000-of-00001", "r+b") as file:
        file.seek(8)
        file.write(b"damaged")
    with pytest.raises(CheckpointError, match="Cannot read variable"):
        verify_checkpoint(prefix)


def test_no_checkpoint_was_found(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    small_net.build()
    with pytest.raises(CheckpointError, match="There is no checkpoint: the prefix is None"):
        verify_checkpoint(tf.train.latest_checkpoint(str(tmp_path)))
