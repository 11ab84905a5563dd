"""Float64 runs on copies made from configurations: they have to be the layers that are there."""

import keras
import numpy as np
import tensorflow.compat.v1 as tf

from slimfix import slim
from slimfix.migration import convert
from slimfix.parity import diff_parity


@keras.saving.register_keras_serializable("slimfix_tests")
class Forgetful(keras.layers.Layer):
    """Its get_config leaves out by what it multiplies."""

    def __init__(self, factor=1.0, **config):
        super().__init__(**config)
        self.factor = factor

    def get_config(self):
        return {"name": self.name}

    def call(self, x):
        return x * self.factor


def test_a_layer_that_is_not_what_its_configuration_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        slim.fully_connected(x, 3, activation_fn=None, scope="fc")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    migration = convert("m.ckpt", outputs="fc/BiasAdd:0")

    def by_hand(factor):
        given = keras.Input((4,))
        dense = keras.layers.Dense(3, name="mine")
        model = keras.Model(given, Forgetful(factor, name="forgetful")(dense(given)))
        dense.set_weights([migration.read("fc/weights"), migration.read("fc/biases")])
        return diff_parity(model, migration).settings.different

    assert by_hand(1.0) == ()
    (line,) = by_hand(2.0)
    assert (
        "'forgetful' (Forgetful): its configuration makes a layer that computes something else"
        in line
    )


def test_a_method_that_was_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    migration = convert_one_layer()
    layer = migration.model.layers[1]
    own = layer.call
    layer.call = lambda x, **more: own(x, **more) * np.float32(1.001)
    lines = diff_parity(migration.model, migration).settings.different
    assert any(f"'{layer.name}'" in line for line in lines)


def convert_one_layer():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 8, 8, 3], name="x")
        slim.conv2d(
            x,
            3,
            3,
            normalizer_fn=slim.batch_norm,
            normalizer_params={"is_training": False},
            scope="c1",
        )
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    return convert("m.ckpt")
