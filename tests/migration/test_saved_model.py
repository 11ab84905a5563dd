"""SavedModels whose signatures hold more than images and scores."""

import pytest

from slimfix.errors import CheckpointError, UnsupportedOpError
from slimfix.migration import convert
from slimfix.network.sources import Source


@pytest.fixture
def folder(graph, tmp_path):
    """A classifier with is_training, keep_prob and the labels' texts in its signature."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    keep_prob = tf.placeholder(tf.float32, [], name="keep_prob")
    net = slim.fully_connected(x, 5, scope="fc1")
    net = slim.batch_norm(net, is_training=is_training, scope="bn")
    net = tf.nn.dropout(net, keep_prob=keep_prob)
    net = slim.fully_connected(net, 3, activation_fn=None, scope="fc2")
    labels = tf.gather(tf.constant(["cat", "dog", "cow"]), tf.argmax(net, 1), name="labels")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        tf.saved_model.simple_save(
            session,
            str(tmp_path / "served"),
            {"x": x, "is_training": is_training, "keep_prob": keep_prob},
            {"scores": net, "labels": labels},
        )
    return tmp_path / "served"


def test_settings_and_text_are_left_out(folder):
    migration = convert(Source(saved_model=folder))
    assert migration.signature.inputs == ("x:0",)
    assert migration.signature.outputs == ("fc2/BiasAdd:0",)
    assert migration.function.switches == {"is_training:0": False}


def test_text_that_was_asked_for_is_told(folder):
    with pytest.raises(UnsupportedOpError, match="1 node between inputs and outputs read text"):
        convert(Source(saved_model=folder), inputs="x", outputs="labels")


def test_a_folder_without_its_variables_is_told(folder):
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(CheckpointError) as caught:
        convert(Source(saved_model=folder))
    text = str(caught.value)
    assert "7 variables in" in text and "IsInitialized" not in text
    assert "'variables' of a SavedModel, which was left behind" in text
