"""The limit of a layer is what rounding does to the original there: no number holds for all."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import slimfix
from slimfix import slim
from slimfix.errors import ParityError
from slimfix.migration import convert
from slimfix.parity import Verdict
from slimfix.parity.rounding import judge_by_rounding, measure_rounding
from slimfix.parity.rows import LayerParity

ROW = LayerParity("gate", "gate", "Dense", "out:0", (4, 4), 1.0, 0.0, 1e-7, 1e-7, Verdict.DIFFERENT)


def gate(amplified, normalized=False):
    """Means of one tensor, added up in two orders, of which next to nothing is left."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        x = tf.placeholder(tf.float32, [None, 8, 8, 3], name="x")
        h = (
            slim.conv2d(
                x,
                16,
                3,
                normalizer_fn=slim.batch_norm,
                normalizer_params={"is_training": False},
                scope="c0",
            )
            if normalized
            else x
        )
        h = slim.conv2d(h, 16, 3, scope="c1")
        rows, columns = (
            tf.reduce_mean(h, [1, 2]),
            tf.reduce_mean(tf.transpose(h, [0, 2, 1, 3]), [1, 2]),
        )
        left = rows * amplified - columns * (amplified - 2)
        tf.sigmoid(slim.fully_connected(left, 4, activation_fn=None, scope="gate"), name="out")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    return convert("m.ckpt", outputs="out:0")


@pytest.fixture
def feeds():
    return {"x:0": np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)}


def test_large_terms_that_cancel_are_rounding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gate(3e7, normalized=True)
    result = slimfix.migrate("m.ckpt", "k", outputs="out:0")
    row = result.parity.layers[-1]
    assert result.parity.passed and row.function_error > 1e-9


@pytest.mark.parametrize("error, amplified, passes", [(1e-8, 3e7, True), (1e-8, 3.0, False)])
def test_the_limit_is_the_layers_own(error, amplified, passes, tmp_path, monkeypatch, feeds):
    monkeypatch.chdir(tmp_path)
    migration = gate(amplified)
    row = dataclasses.replace(ROW, function_error=error)
    (judged,) = judge_by_rounding([row], migration, feeds, training=False)
    assert (judged.verdict is Verdict.EQUIVALENT) == passes


def test_what_an_ulp_does_to_a_product_is_an_ulp(tmp_path, monkeypatch, feeds):
    monkeypatch.chdir(tmp_path)
    migration = gate(3.0)
    for float64, ulp in ((True, 2.0**-52), (False, 2.0**-23)):
        moved = measure_rounding(migration, feeds, ["c1/Conv2D:0"], float64)
        # 27 products a number, each with two factors that are an ULP off.
        assert 0.1 * ulp < moved["c1/Conv2D:0"] < 27 * 2 * ulp


def test_a_float32_error_that_rounding_does_not_explain_is_different(tmp_path, monkeypatch, feeds):
    monkeypatch.chdir(tmp_path)
    migration = gate(3.0)
    row = dataclasses.replace(ROW, verdict=Verdict.DEGRADED, keras_error=3e-6)
    (judged,) = judge_by_rounding([row], migration, feeds, training=False)
    assert judged.verdict is Verdict.DEGRADED
    row = dataclasses.replace(row, keras_error=4e-3)
    (judged,) = judge_by_rounding([row], migration, feeds, training=False)
    assert judged.verdict is Verdict.DIFFERENT and "in the last place" in judged.cause


def test_a_layer_in_half_precision_is_different(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    migration = gate(3.0)
    kernel, bias = (migration.read(f"gate/{name}") for name in ("weights", "biases"))
    x = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="mine")
    h = conv(x)
    means = keras.ops.mean(h, [1, 2])
    turned = keras.ops.mean(keras.ops.transpose(h, [0, 2, 1, 3]), [1, 2])
    half = keras.layers.Dense(4, dtype="float16", name="half")
    left = means * np.float32(3.0) - turned * np.float32(1.0)
    model = keras.Model(x, keras.ops.cast(keras.ops.sigmoid(half(left)), "float32"))
    conv.set_weights([migration.read("c1/weights"), migration.read("c1/biases")])
    half.set_weights([kernel, bias])
    with pytest.raises(ParityError):
        slimfix.verify_parity(model, "m.ckpt", outputs="out:0")
