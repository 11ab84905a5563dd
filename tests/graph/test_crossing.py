"""A checkpoint that one TensorFlow wrote restores on the other, by name, bit for bit."""

import os

import make_crossing
import numpy as np
import pytest

from slimfix import build_saver, slim

FOLDER = "tests/golden/crossing"
VERSIONS = sorted(os.listdir(FOLDER))


def test_both_worlds_wrote_one():
    assert VERSIONS == ["1.15.5", "2.21.0"]


def wanted(variable):
    dtype = variable.dtype.base_dtype.as_numpy_dtype
    return make_crossing.value_of(variable.op.name, variable.shape.as_list(), dtype)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_variable_restores_by_name(graph, variable_kind, version):
    import tensorflow.compat.v1 as tf

    make_crossing.build(slim)
    variables = tf.global_variables()
    assert len(variables) > 40
    with tf.Session() as session:
        build_saver().restore(session, f"{FOLDER}/{version}/model.ckpt")
        values = session.run(variables)
    different = [
        variable.op.name
        for variable, value in zip(variables, values)
        if value.tobytes() != wanted(variable).tobytes()
    ]
    assert different == []


def test_both_checkpoints_hold_the_same():
    """Names, shapes, dtypes and bytes: the two worlds build the same variables."""
    from slimfix.checkpoint import read_checkpoint

    one, other = [read_checkpoint(f"{FOLDER}/{version}/model.ckpt") for version in VERSIONS]
    assert one.variables == other.variables
    names = list(one.variables)
    assert [n for n in names if one.read(n).tobytes() != other.read(n).tobytes()] == []
    assert "global_step" in names
    assert "conv/weights/Momentum" in names
    assert "conv/weights/ExponentialMovingAverage" in names
    assert "zero_debias/zero_debias/moving_mean/local_step" in names
    assert "renorm/renorm_stddev" in names


def test_what_is_written_now_is_read_back_bit_equal(graph, variable_kind, tmp_path):
    """Values that a lossy path would change: denormals, negative zero, NaN."""
    import tensorflow.compat.v1 as tf

    from slimfix.checkpoint import read_checkpoint

    odd = np.array([1e-45, -0.0, np.nan, np.inf, 1e-36, 1 / 3], np.float32)
    tf.get_variable("odd", initializer=odd)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        prefix = build_saver().save(session, str(tmp_path / "model.ckpt"))
    assert read_checkpoint(prefix).read("odd").tobytes() == odd.tobytes()
