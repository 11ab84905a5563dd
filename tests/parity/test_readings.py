"""Numbers that are meant as they are written: 1 / 127.5 divides by 127.5."""

import keras
import pytest
import tensorflow.compat.v1 as tf

import slimfix
from slimfix import slim
from slimfix.errors import ParityError

layers = keras.layers


def build(prepare, by_hand):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 8, 8, 3], name="x")
        slim.fully_connected(slim.flatten(prepare(x)), 4, activation_fn=None, scope="fc")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    read = tf.train.load_checkpoint("m.ckpt").get_tensor
    x = keras.Input((8, 8, 3))
    dense = layers.Dense(4, name="mine")
    model = keras.Model(x, dense(layers.Flatten()(by_hand(x))))
    dense.set_weights([read("fc/weights"), read("fc/biases")])
    return slimfix.verify_parity(model, "m.ckpt", outputs="fc/BiasAdd:0", levels="L2,L3", steps=2)


@pytest.mark.parametrize(
    "prepare, by_hand",
    [
        (lambda x: x * (2 / 255) - 1, lambda x: layers.Rescaling(2 / 255, -1)(x)),
        (lambda x: x / 127.5 - 1, lambda x: layers.Rescaling(1 / 127.5, -1)(x)),
        (lambda x: (x / 255 - 0.5) * 2, lambda x: layers.Rescaling(1 / 127.5, -1)(x)),
        (lambda x: x / 127.5 - 1, lambda x: x * (1 / 127.5) - 1.0),
    ],
)
def test_preprocessing_in_other_words(prepare, by_hand, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert build(prepare, by_hand).parity.passed


def test_another_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParityError):
        build(lambda x: x / 127.5 - 1, lambda x: layers.Rescaling(1 / 127.50001, -1)(x))
