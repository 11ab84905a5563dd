"""Right models whose weights have other shapes or names than planned: there values decide."""

import keras
import pytest
import tensorflow.compat.v1 as tf
from keras import layers

import slimfix
from slimfix import slim
from slimfix.errors import ParityError


def dense_for_convolution(x):
    return slim.conv2d(x, 4, 1, scope="c")


def by_dense(x, read):
    dense = layers.Dense(4, activation="relu", name="mine")
    made = dense(x)
    dense.set_weights([read("c/weights").reshape(3, 4), read("c/biases")])
    return made


def convolution_for_dense(x):
    return slim.fully_connected(slim.flatten(x), 4, scope="c")


def by_convolution(x, read):
    conv = layers.Conv2D(4, 8, activation="relu", name="mine")
    made = layers.Flatten()(conv(x))
    conv.set_weights([read("c/weights").reshape(8, 8, 3, 4), read("c/biases")])
    return made


def separable(x):
    return slim.separable_conv2d(x, 5, 3, depth_multiplier=2, scope="c")


def apart(x, read):
    depthwise = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=False)
    pointwise = layers.Conv2D(5, 1, activation="relu", name="mine")
    made = pointwise(depthwise(x))
    depthwise.set_weights([read("c/depthwise_weights")])
    pointwise.set_weights([read("c/pointwise_weights"), read("c/biases")])
    return made


PAIRS = [
    (dense_for_convolution, by_dense),
    (convolution_for_dense, by_convolution),
    (separable, apart),
]


def build(body, by_hand, change=1.0):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        tf.identity(body(tf.placeholder(tf.float32, [None, 8, 8, 3], name="x")), name="out")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    reader = tf.train.load_checkpoint("m.ckpt")

    def read(name):
        factor = change if name.endswith("weights") else 1
        return reader.get_tensor(name) * factor

    x = keras.Input((8, 8, 3))
    return keras.Model(x, by_hand(x, read))


@pytest.mark.parametrize("body, by_hand", PAIRS)
def test_it_is_proved_at_every_level(body, by_hand, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = build(body, by_hand)
    result = slimfix.verify_parity(model, "m.ckpt", outputs="out:0", levels="L2,L3,L4", steps=3)
    (line,) = result.parity.structure.by_numbers
    assert "mine" in line


@pytest.mark.parametrize("body, by_hand", PAIRS)
def test_other_bits_are_other_weights(body, by_hand, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = build(body, by_hand, change=1.001)
    with pytest.raises(ParityError, match="no weight of the model holds it"):
        slimfix.verify_parity(model, "m.ckpt", outputs="out:0")
