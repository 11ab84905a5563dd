"""A broken checkpoint that was recalibrated migrates to Keras, and infers there as it does here."""

import numpy as np
import pytest

import slimfix
from slimfix.errors import MigrationError


@pytest.mark.parametrize("variant", ["no_updates", "trainable_only"])
def test_a_recalibrated_checkpoint_migrates(tmp_path, variant):
    import keras

    broken, mended = f"tests/golden/digits/{variant}/model.ckpt", str(tmp_path / "mended.ckpt")
    with pytest.raises(MigrationError):
        slimfix.migrate(broken, str(tmp_path / "never"))
    with np.load("tests/golden/digits/digits.npz") as file:
        train, test = (
            (file[f"{part}_images"].astype(np.float32) / 16)[..., np.newaxis]
            for part in ("train", "test")
        )
        labels = file["test_labels"]
    result = slimfix.recalibrate_checkpoint(
        broken,
        mended,
        {"images": train},
        test_data={"images": test, "labels": labels},
        outputs="digits/logits/BiasAdd",
    )
    assert slimfix.migrate(mended, str(tmp_path / "keras")).parity.passed
    model = keras.models.load_model(str(tmp_path / "keras" / "model.keras"))
    right = model.predict(test, verbose=0).argmax(axis=1) == labels
    assert np.mean(right) == result.accuracy_after


def test_a_graph_that_was_recalibrated_in_a_session_migrates(graph, tmp_path):
    """The ops that measure lie in its .meta, and are taken for no output of the network."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    y = slimfix.slim.batch_norm(x, is_training=tf.placeholder(tf.bool, []), scope="bn")
    slimfix.slim.fully_connected(y, 3, scope="logits")
    data = np.random.RandomState(2).normal(3.0, 2.0, [40, 6]).astype(np.float32)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        slimfix.recalibrate(session, [{x: data}])
        prefix = slimfix.build_saver().save(session, str(tmp_path / "model.ckpt"))
    result = slimfix.migrate(prefix, str(tmp_path / "keras"))
    assert result.parity.passed
    assert result.outputs == ("logits/Relu:0",)
