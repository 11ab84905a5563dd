"""Operations that the plan does not have, excused by name alone."""

import keras
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import slimfix
from slimfix import slim
from slimfix.errors import ParityError, UsageError


@pytest.fixture
def capped(tmp_path, monkeypatch):
    """A network, and a model of it by hand with a clip where no value is seen to reach it."""
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        slim.fully_connected(x, 3, activation_fn=None, scope="fc")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    reader = tf.train.load_checkpoint("m.ckpt")
    given = keras.Input((4,))
    dense = keras.layers.Dense(3, name="mine")
    cap = keras.layers.ReLU(max_value=1e9, negative_slope=1.0, name="cap")
    model = keras.Model(given, cap(dense(given)))
    dense.set_weights([reader.get_tensor("fc/weights"), reader.get_tensor("fc/biases")])
    return model


def test_what_only_the_model_has_is_refused(capped):
    with pytest.raises(ParityError, match=r"'cap' \(ReLU\)"):
        slimfix.verify_parity(capped, "m.ckpt", outputs="fc/BiasAdd:0")


def test_and_allowed_by_its_name(capped):
    result = slimfix.verify_parity(capped, "m.ckpt", outputs="fc/BiasAdd:0", allow_layers="cap")
    (line,) = result.parity.structure.allowed
    assert "'cap' (ReLU)" in line
    from slimfix.report.summary import describe_verdict

    assert f"allowed by name: {line}." in " ".join(describe_verdict(result))


def test_a_name_excuses_no_other_value(capped):
    capped.get_layer("cap").max_value = np.float32(0.5)
    with pytest.raises(ParityError):
        slimfix.verify_parity(capped, "m.ckpt", outputs="fc/BiasAdd:0", allow_layers="cap")


def test_a_name_that_the_model_does_not_have(capped):
    with pytest.raises(UsageError, match=r"(?s)allow_layers names 'cup'.*it has 'mine', 'cap'"):
        slimfix.verify_parity(capped, "m.ckpt", outputs="fc/BiasAdd:0", allow_layers=["cup"])
