"""Models that are right on the inputs of the layers, and wrong on a size, a batch or a range."""

import keras
import numpy as np
import pytest
import tensorflow as tf2
import tensorflow.compat.v1 as tf

import slimfix
from slimfix import slim
from slimfix.errors import ParityError
from slimfix.migration import convert
from slimfix.parity import Verdict, diff_parity


@keras.saving.register_keras_serializable("slimfix_tests")
class Wrong(keras.layers.Layer):
    """Adds one where something holds that does not of the usual inputs."""

    def __init__(self, where, **config):
        super().__init__(**config)
        self.where = where

    def get_config(self):
        return {**super().get_config(), "where": self.where}

    def call(self, x):
        holds = {
            "one sample": lambda: keras.ops.shape(x)[0] == 1,
            "large": lambda: keras.ops.max(keras.ops.abs(x), [1, 2, 3], keepdims=True) > 3e3,
            "nothing": lambda: keras.ops.max(keras.ops.abs(x), [1, 2, 3], keepdims=True) == 0,
            "compiled": lambda: not tf2.executing_eagerly() and not keras.config.is_nnx_enabled(),
        }[self.where]()
        return x + keras.ops.cast(holds, x.dtype)


@pytest.fixture
def network(tmp_path, monkeypatch):
    """Writes a network of one convolution and a mean over an image."""
    monkeypatch.chdir(tmp_path)

    def write(size=None, batch=None, body=None):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(1)
            x = tf.placeholder(tf.float32, [batch, size, size, 3], name="x")
            h = slim.conv2d(x, 4, 3, stride=2, scope="c1") if body is None else body(x)
            tf.reduce_mean(h, [1, 2], name="out")
            session.run(tf.global_variables_initializer())
            tf.train.Saver().save(session, "m.ckpt")
        return convert("m.ckpt", outputs="out:0")

    return write


def by_hand(migration, size=None, before=lambda x: x, padding="same"):
    x = keras.Input((size, size, 3))
    conv = keras.layers.Conv2D(4, 3, 2, padding, activation="relu", name="mine")
    model = keras.Model(x, keras.layers.GlobalAveragePooling2D()(conv(before(x))))
    conv.set_weights([migration.read("c1/weights"), migration.read("c1/biases")])
    return model


def test_a_right_model_is_tried_on_other_batches_sizes_and_values(network):
    migration = network()
    domain = diff_parity(by_hand(migration), migration).domain
    shapes = [variant.shapes for variant in domain.variants]
    assert shapes == [
        (("x:0", (2, 224, 224, 3)),),
        (("x:0", (1, 33, 47, 3)),),
        (("x:0", (5, 32, 64, 3)),),
        (("x:0", (2, 2, 3, 3)),),
    ]
    assert domain.different == ()


def test_padding_that_is_right_for_even_sizes(network):
    migration = network()
    pad = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))
    result = diff_parity(by_hand(migration, before=pad, padding="valid"), migration)
    assert all(row.verdict is not Verdict.DIFFERENT for row in result.layers)
    assert not result.passed
    assert (("x:0", (1, 33, 47, 3)),) in [each.shapes for each in result.domain.different]
    assert result.first_difference.tensor == "out:0"


@pytest.mark.parametrize("where", ["one sample", "large", "nothing"])
def test_what_happens_at_one_batch_or_range(where, network):
    migration = network(16)
    result = diff_parity(by_hand(migration, 16, Wrong(where)), migration)
    assert [row.verdict is Verdict.DIFFERENT for row in result.layers] == [False]
    (wrong,) = result.domain.different
    assert wrong.layer.function_error > 1e-6
    assert (wrong.shapes[0][1][0] == 1) == (where == "one sample")


def test_what_happens_when_compiled(network):
    migration = network(16)
    result = diff_parity(by_hand(migration, 16, Wrong("compiled")), migration)
    assert all("compiled as a whole" in each.cause for each in result.domain.different)
    assert len(result.domain.different) == 2


def test_the_error_names_the_inputs(network):
    migration = network()
    pad = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))
    model = by_hand(migration, before=pad, padding="valid")
    with pytest.raises(ParityError, match=r"another for such as \[1,33,47,3\]"):
        slimfix.verify_parity(model, "m.ckpt", outputs="out:0")


def test_a_model_for_one_size_is_tried_at_that_size(network):
    migration = network()
    domain = diff_parity(by_hand(migration, 16), migration).domain
    assert {variant.shapes[0][1][1:] for variant in domain.variants} == {(16, 16, 3)}


def test_a_graph_for_one_batch_is_tried_on_that_batch(network):
    migration = network(16, batch=6)
    domain = diff_parity(by_hand(migration, 16), migration).domain
    assert {variant.shapes[0][1] for variant in domain.variants} == {(6, 16, 16, 3)}


def test_sizes_that_the_graph_takes(network):
    """Halved and doubled and added to itself: even sizes alone."""

    def body(x):
        h = slim.conv2d(x, 4, 3, stride=2, scope="c1")
        return slim.conv2d_transpose(h, 4, 2, stride=2, scope="c2") + slim.conv2d(
            x, 4, 1, scope="c3"
        )

    migration = network(body=body)
    result = diff_parity(migration.model, migration)
    assert result.passed
    sizes = [variant.shapes[0][1][1:3] for variant in result.domain.variants]
    assert sizes[1:] == [(224, 224), (32, 64), (2, 2)]


def test_ids_at_both_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.placeholder(tf.int32, [None, None], name="ids")
        table = tf.get_variable("table", [7, 3])
        tf.reduce_mean(tf.nn.embedding_lookup(table, ids), 1, name="out")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    migration = convert("m.ckpt", outputs="out:0")
    domain = diff_parity(migration.model, migration).domain
    assert "0 to 6" in [variant.ranges[0] for variant in domain.variants]
    ids = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(7, 3, name="mine")
    model = keras.Model(ids, keras.ops.mean(embedding(keras.ops.clip(ids, 1, 6)), 1))
    embedding.set_weights([migration.read("table")])
    assert not diff_parity(model, migration).passed


def test_statistics_stay_as_they_are(network):
    migration = network(
        16,
        body=lambda x: slim.batch_norm(
            slim.conv2d(x, 4, 3, scope="c1"), scope="bn", is_training=False
        ),
    )
    before = [np.array(weight) for weight in migration.model.weights]
    assert diff_parity(migration.model, migration).passed
    assert all(np.array_equal(a, np.array(b)) for a, b in zip(before, migration.model.weights))
