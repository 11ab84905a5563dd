"""The networks of slim.nets build, train a step, save and restore."""

import numpy as np
import pytest

from slimfix import build_saver, create_train_op, slim

CLASSES = 7
# Network -> (its module, its arg_scope, an image size it takes, its batch-norm layers).
NETWORKS = {
    "resnet_v1_50": ("resnet_v1", "resnet_arg_scope", 33, 53),
    "resnet_v2_50": ("resnet_v2", "resnet_arg_scope", 33, 49),
    "inception_v3": ("inception", "inception_v3_arg_scope", 107, 96),
    "vgg_16": ("vgg", "vgg_arg_scope", 224, 0),
}


def build(name):
    """Returns (loss, logits) of a network in training mode, on random images of its own."""
    import tensorflow.compat.v1 as tf

    module_name, scope_name, size, _ = NETWORKS[name]
    module = getattr(slim.nets, module_name)
    scope = getattr(module, scope_name)
    random = np.random.RandomState(5)
    images = tf.constant(random.normal(size=[2, size, size, 3]).astype(np.float32))
    with slim.arg_scope(scope()):
        logits, _ = getattr(module, name)(images, CLASSES, is_training=True)
    tf.losses.sparse_softmax_cross_entropy([3, 5], tf.reshape(logits, [2, CLASSES]))
    return tf.losses.get_total_loss(), logits


@pytest.mark.parametrize("name", NETWORKS)
def test_network_builds_trains_saves_and_restores(graph, tmp_path, name):
    import tensorflow.compat.v1 as tf

    from slimfix import find_batch_norm_layers

    tf.set_random_seed(6)
    loss, _ = build(name)
    train_op = create_train_op(loss, tf.train.GradientDescentOptimizer(1e-4))
    layers = find_batch_norm_layers()
    assert len(layers) == NETWORKS[name][3]
    saver = build_saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(tf.train.get_global_step())
        assert np.isfinite(session.run(train_op))
        assert session.run(tf.train.get_global_step()) == before + 1
        variables = tf.global_variables()
        by_name = {variable.op.name: variable for variable in variables}
        moved = session.run([by_name[layer.moving_mean] for layer in layers])
        assert all(np.any(value != 0) for value in moved)
        trained = [value.tobytes() for value in session.run(variables)]
        prefix = saver.save(session, str(tmp_path / "model.ckpt"), write_meta_graph=False)
    with tf.Session() as session:
        saver.restore(session, prefix)
        restored = [value.tobytes() for value in session.run(variables)]
    assert restored == trained
