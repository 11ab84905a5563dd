"""Paths of all public functions may be pathlib; bytes are refused. See test_keras_paths too."""

import pathlib

import numpy as np
import pytest

import slimfix
from slimfix.errors import UsageError
from slimfix.paths import as_path

DIGITS = pathlib.Path("tests/golden/digits/good/model.ckpt")
META = pathlib.Path("tests/golden/digits/good/model.ckpt.meta")


class Named:
    """A path of another library."""

    def __init__(self, name):
        self.name = name

    def __fspath__(self):
        return self.name


def test_a_path_is_a_str_or_gives_one():
    assert as_path("a/b", "path") == "a/b"
    assert as_path(pathlib.Path("a/b"), "path") == "a/b"
    assert as_path(Named("a/b"), "path") == "a/b"


@pytest.mark.parametrize("path", [b"a", Named(b"a"), 3, None, ["a"]])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(UsageError, match=f"^The p is a {type(path).__name__}; want a str or a pa"):
        as_path(path, "p")


@pytest.fixture
def network(graph):
    """(session, input): a small net in the default graph, its variables initialized."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    with slim.arg_scope([slim.batch_norm], is_training=is_training):
        slim.fully_connected(x, 5, normalizer_fn=slim.batch_norm, scope="fc")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        yield session, x


@pytest.mark.parametrize("read_back", [False, True])
def test_savers(network, tmp_path, read_back):
    session, _ = network
    saver = slimfix.build_saver(read_back=read_back, filename=tmp_path / "unused")
    prefix = saver.save(session, tmp_path / "m")
    assert prefix == str(tmp_path / "m")
    assert saver.save(session, tmp_path / "m", global_step=7) == str(tmp_path / "m-7")
    assert slimfix.verify_checkpoint(tmp_path / "m", session=session).values_compared
    assert slimfix.verify_checkpoint(tmp_path / "m", tmp_path / "m.meta").prefix == prefix
    (weights,) = [v for v in slimfix_variables() if v.op.name == "fc/weights"]
    before = session.run(weights)
    for restore in (saver.restore, slimfix.restore):
        session.run(weights.initializer)
        restore(session, tmp_path / "m")
        np.testing.assert_array_equal(session.run(weights), before)
    assert [layer.scope for layer in slimfix.find_batch_norm_layers(tmp_path / "m.meta")] == [
        "fc/BatchNorm"
    ]


def slimfix_variables():
    import tensorflow.compat.v1 as tf

    return tf.global_variables()


def test_recalibration(network, tmp_path):
    session, x = network
    data = np.random.RandomState(3).normal(2, 3, [40, 6]).astype(np.float32)
    slimfix.build_saver().save(session, tmp_path / "old")
    record = slimfix.recalibrate(session, [{x: data}], output=tmp_path / "live")
    assert record.checkpoint == str(tmp_path / "live")
    arguments = {"data": {"x": data}, "meta": tmp_path / "old.meta"}
    made = slimfix.recalibrate_checkpoint(tmp_path / "old", tmp_path / "new", **arguments)
    assert made.recalibration.checkpoint == str(tmp_path / "new")
    slimfix.recalibrate_checkpoint(tmp_path / "old", tmp_path / "again", {"x": data})
    proofs = [slimfix.verify_checkpoint(tmp_path / name) for name in ("live", "new", "again")]
    assert len({proof.variables for proof in proofs}) == 1


def test_recording(tmp_path):
    recording = slimfix.record(DIGITS, tmp_path / "r.npz", META, levels=["L1"])
    assert recording.path == str(tmp_path / "r.npz")


@pytest.mark.parametrize("form", ["frozen_graph", "saved_model"])
def test_recording_of_other_forms(tmp_path, form):
    paths = {"frozen_graph": "frozen/frozen.pb", "saved_model": "saved_model/served"}
    path = pathlib.Path("tests/golden/forms", paths[form])
    assert slimfix.record(output=tmp_path / "r.npz", levels=["L1"], **{form: path}).tensors


def test_flags(tmp_path):
    from absl import flags

    from slimfix.flags import checkpoint_prefix, define_checkpoint_flags

    values = flags.FlagValues()
    define_checkpoint_flags(values)
    values(["program"])
    values.checkpoint_path = tmp_path / "m"
    assert checkpoint_prefix(values) == str(tmp_path / "m")


BYTES = {
    "save": lambda session, x: slimfix.build_saver().save(session, b"m"),
    "filename": lambda session, x: slimfix.build_saver(filename=b"m"),
    "verify_checkpoint": lambda session, x: slimfix.verify_checkpoint(b"m"),
    "verify_checkpoint's graph": lambda session, x: slimfix.verify_checkpoint(str(DIGITS), b"m"),
    "restore": lambda session, x: slimfix.restore(session, b"m"),
    "find_batch_norm_layers": lambda session, x: slimfix.find_batch_norm_layers(b"m"),
    "recalibrate": lambda session, x: slimfix.recalibrate(session, [{}], output=b"m"),
    "recalibrate_checkpoint": lambda session, x: slimfix.recalibrate_checkpoint(b"m", "n", {}),
    "its output": lambda session, x: slimfix.recalibrate_checkpoint(str(DIGITS), b"n", {}),
    "its meta": lambda session, x: slimfix.recalibrate_checkpoint(str(DIGITS), "n", {}, meta=b"m"),
    "record": lambda session, x: slimfix.record(b"m", "r.npz"),
    "its meta too": lambda session, x: slimfix.record(str(DIGITS), "r.npz", b"m"),
    "its output too": lambda session, x: slimfix.record(str(DIGITS), b"r.npz"),
    "frozen_graph": lambda session, x: slimfix.record(output="r.npz", frozen_graph=b"m"),
    "saved_model": lambda session, x: slimfix.record(output="r.npz", saved_model=b"m"),
}


@pytest.mark.parametrize("name", sorted(BYTES))
def test_bytes_are_refused(network, name):
    with pytest.raises(UsageError, match="bytes"):
        BYTES[name](*network)
