"""A checkpoint whose statistics cannot be right is refused, with the cause named."""

import pytest

from slimfix.errors import CheckpointMismatchError
from slimfix.migration import convert
from slimfix.network.sources import Source


def test_a_saver_of_trainable_variables_is_named_as_the_cause(golden):
    with pytest.raises(CheckpointMismatchError) as caught:
        convert(golden("digits/trainable_only").checkpoint)
    text = str(caught.value)
    assert text.startswith("6 of 19 variables that the network reads are not in checkpoint prefix")
    for scope in ("conv1", "sepconv2", "fc4"):
        for statistic in ("moving_mean", "moving_variance"):
            assert f"  'digits/{scope}/BatchNorm/{statistic}'\n" in text
    assert "Likely cause: it was saved with Saver(tf.trainable_variables())" in text
    assert "slimfix.build_saver()" in text


def test_training_without_update_ops_is_named_as_the_cause(golden):
    with pytest.raises(CheckpointMismatchError) as caught:
        convert(golden("digits/no_updates").checkpoint)
    text = str(caught.value)
    assert text.startswith("The moving statistics of 3 of 3 batch-norm layers")
    for scope in ("conv1", "sepconv2", "fc4"):
        assert f"  'digits/{scope}/BatchNorm': moving_mean is all 0, moving_variance all 1" in text
    assert "Likely cause: the train op does not depend on UPDATE_OPS" in text
    assert "slimfix.create_train_op()" in text


def test_the_meta_of_another_model_is_refused(golden):
    with pytest.raises(CheckpointMismatchError) as caught:
        convert(Source(golden("digits/good").checkpoint, meta=golden("micro/rank4_scale").meta))
    text = str(caught.value)
    assert "5 of 5 variables" in text
    assert "Likely cause: the .meta belongs to another model than the checkpoint." in text


def test_the_meta_of_a_wider_model_is_refused(graph, saved, golden):
    """The same names in other sizes: rank2_scale has 4 units, this net 7."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    with tf.variable_scope("net"):
        parameters = {"is_training": False, "scale": True}
        slim.fully_connected(
            x, 7, scope="fc", normalizer_fn=slim.batch_norm, normalizer_params=parameters
        )
    meta = saved() + ".meta"
    with pytest.raises(CheckpointMismatchError) as caught:
        convert(Source(golden("micro/rank2_scale").checkpoint, meta=meta))
    assert "  'net/fc/weights': checkpoint [6,4] float32; graph [6,7]" in str(caught.value)


def trained_net(is_training, with_updates, optimizer):
    """A batch norm at its initial statistics, and its train op."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    net = slim.batch_norm(x, is_training=is_training, scope="bn")
    net = slim.fully_connected(net, 2, activation_fn=None, scope="fc")
    if optimizer:
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS) if with_updates else []
        with tf.control_dependencies(updates):
            optimizer.minimize(tf.reduce_sum(net))


def save_initial(graph, folder):
    import tensorflow.compat.v1 as tf

    with tf.Session(graph=graph) as session:
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, str(folder / "model.ckpt"))


def optimizers():
    import tensorflow.compat.v1 as tf

    return [tf.train.MomentumOptimizer(0.1, 0.9), tf.train.AdamOptimizer(0.1)]


@pytest.mark.parametrize("which", [0, 1])
def test_unreached_updates_are_refused_for_any_optimizer(graph, variable_kind, tmp_path, which):
    import tensorflow.compat.v1 as tf

    trained_net(tf.placeholder(tf.bool, [], "is_training"), False, optimizers()[which])
    with pytest.raises(CheckpointMismatchError, match="1 of 1 batch-norm layers"):
        convert(save_initial(graph, tmp_path), outputs=["fc/BiasAdd"])


def test_reached_updates_are_only_noted(graph, variable_kind, tmp_path):
    """Saved before the first step: nobody did anything wrong."""
    import tensorflow.compat.v1 as tf

    trained_net(tf.placeholder(tf.bool, [], "is_training"), True, optimizers()[0])
    notes = convert(save_initial(graph, tmp_path), outputs=["fc/BiasAdd"]).notes
    assert notes[0].startswith("bn: moving_mean is all 0 and moving_variance all 1")


def test_a_graph_without_train_op_is_only_noted(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    trained_net(tf.placeholder(tf.bool, [], "is_training"), False, None)
    notes = convert(save_initial(graph, tmp_path), outputs=["fc/BiasAdd"]).notes
    assert notes[0].startswith("bn: moving_mean is all 0 and moving_variance all 1")


def test_nets_that_never_used_batch_statistics_pass(graph, tmp_path):
    """Built with is_training=False and trained so: 0 and 1 are what it was trained with."""
    trained_net(False, False, optimizers()[0])
    assert not any(
        "all 0" in note
        for note in convert(save_initial(graph, tmp_path), outputs=["fc/BiasAdd"]).notes
    )


def test_batch_statistics_without_moving_ones_cannot_be_switched_off(graph, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim
    from slimfix.errors import MigrationError

    x = tf.placeholder(tf.float32, [None, 3, 4, 2], name="x")
    net = slim.conv2d(x, 3, [1, 2], activation_fn=None, scope="conv")
    net, _, _ = tf.nn.fused_batch_norm(net, [1.0, 2.0, 3.0], [0.5, 0.6, 0.7], is_training=True)
    with pytest.raises(MigrationError) as caught:
        convert(saved(), outputs=[net.name])
    assert "1 batch-norm layers normalise with batch statistics" in str(caught.value)
    assert "shows no moving statistics of theirs" in str(caught.value)
