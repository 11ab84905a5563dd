"""Graphs that are programs: what they would do beside computing does not happen."""

import os
import sys

import numpy as np
import pytest

import slimfix
from slimfix import slim
from slimfix.checkpoint import read_checkpoint
from slimfix.errors import ParityError, UnsafeGraphError, UnsupportedOpError
from slimfix.graphdef import side_effects
from slimfix.graphdef.meta import read_meta

CALLS = []


def spy(x):
    CALLS.append(x.shape)
    return x * np.float32(2)


@pytest.fixture
def harm(graph, saved, tmp_path):
    """Saves slim.batch_norm behind an op of some kind; gives what to call with it.

    The op lies on the way from the input: dense(op(x)), so that inference and training need it.
    """
    import tensorflow.compat.v1 as tf

    secret = tmp_path / "secret.txt"
    secret.write_text("AB")
    written = tmp_path / "written.txt"

    def build(kind):
        x = tf.placeholder(tf.float32, [None, 6], name="x")
        h = {
            "ReadFile": lambda: x + decoded(tf.io.read_file(str(secret))),
            "MatchingFiles": lambda: x + length(tf.io.matching_files(str(tmp_path / "*.txt"))),
            "WriteFile": lambda: after(tf.io.write_file(str(written), "all yours"), x),
            "PyFunc": lambda: after_python(x),
            "Print": lambda: tf.Print(x, [tf.constant("\x1b]0;yours\x07")], name="say"),
            "LookupTableFindV2": lambda: x + looked_up(str(secret)),
        }[kind]()
        net = slim.fully_connected(h, 4, normalizer_fn=slim.batch_norm, scope="fc")
        tf.identity(slim.fully_connected(net, 3, activation_fn=None, scope="out"), name="end")
        return saved()

    def decoded(text):
        return tf.reduce_mean(tf.cast(tf.decode_raw(text, tf.uint8), tf.float32))

    def length(texts):
        return tf.cast(tf.size(texts), tf.float32)

    def after(op, value):
        with tf.control_dependencies([op]):
            return tf.identity(value, name="after")

    def after_python(value):
        result = tf.py_func(spy, [value], tf.float32, name="spy")
        result.set_shape(value.shape)
        return result

    def looked_up(path):
        from tensorflow.python.ops import lookup_ops

        init = lookup_ops.TextFileStringTableInitializer(path)
        table = lookup_ops.StaticHashTable(init, "none")
        return tf.cast(tf.strings.length(table.lookup(tf.constant([0], tf.int64))), tf.float32)

    CALLS.clear()
    build.written = written
    return build


# Which network: of a graph that normalises with batch statistics and has no train op.
WHICH = {"inputs": "x", "outputs": "end", "batch_norm": "moving"}


def migrate(prefix, folder, **more):
    return slimfix.migrate(prefix, str(folder / "keras"), **WHICH, **more)


def verify(prefix, folder, **more):
    """Of a model that is not the network."""
    from slimfix.migration.eager import run_eagerly

    model = run_eagerly(_some_model)
    return slimfix.verify_parity(model, prefix, **WHICH, **more)


def _some_model():
    import keras

    inputs = keras.Input((6,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


def record(prefix, folder, **more):
    return slimfix.record(prefix, str(folder / "r.npz"), **WHICH, **more)


def recalibrate(prefix, folder, **more):
    data = {"x": np.random.RandomState(3).normal(size=(40, 6)).astype(np.float32)}
    return slimfix.recalibrate_checkpoint(prefix, str(folder / "new.ckpt"), data, **more)


HAS_KERAS_3 = sys.version_info >= (3, 10)
RUNS = [record, recalibrate, *([migrate, verify] if HAS_KERAS_3 else [])]
ON_THE_WAY = ["ReadFile", "MatchingFiles", "PyFunc", "LookupTableFindV2"]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("kind", ON_THE_WAY)
def test_nothing_runs_that_does_more_than_compute(harm, tmp_path, monkeypatch, kind, run):
    prefix = harm(kind)
    before = set(os.listdir(tmp_path))
    with pytest.raises(UnsafeGraphError) as error:
        run(prefix, tmp_path)
    text = str(error.value)
    assert text.startswith("The graph does more than compute in ") and "nothing was run" in text
    assert f"  {kind} '" in text and f"--allow_ops={kind}" in text.replace("HashTableV2,", "")
    assert not CALLS
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("run", RUNS)
def test_what_only_waits_for_a_written_file_is_run_without_it_or_not_at_all(harm, tmp_path, run):
    """Inference orders no side effects; a recalibration runs the graph as it is."""
    prefix = harm("WriteFile")
    if run is recalibrate:
        with pytest.raises(UnsafeGraphError, match="WriteFile 'WriteFile': writes files"):
            run(prefix, tmp_path)
    elif run is verify:
        with pytest.raises(ParityError):
            run(prefix, tmp_path)
    else:
        run(prefix, tmp_path)
    assert not harm.written.exists()
    if run is recalibrate:
        run(prefix, tmp_path, allow_ops="WriteFile")
        assert harm.written.read_text() == "all yours"


@pytest.mark.parametrize("run", RUNS[:3])
def test_what_prints_hands_on_and_prints_nothing(harm, tmp_path, capfd, run):
    run(harm("Print"), tmp_path)
    said = capfd.readouterr()
    assert "yours" not in said.err + said.out


@pytest.mark.parametrize("run", [record, recalibrate])
@pytest.mark.parametrize("kind", ["ReadFile", "PyFunc"])
def test_a_graph_that_is_trusted_runs(harm, tmp_path, kind, run):
    run(harm(kind), tmp_path, allow_ops=[kind])
    assert (kind == "PyFunc") == bool(CALLS)


def test_what_is_read_is_what_a_file_holds(harm, tmp_path):
    recording = record(harm("ReadFile"), tmp_path, allow_ops=("ReadFile",))
    added = recording.tensors["add:0"] - recording.inputs["x:0"]
    np.testing.assert_allclose(added, 65.5, atol=1e-5)  # The mean of A and B.


@pytest.mark.parametrize("run", [record, recalibrate])
def test_without_the_guard_it_would_have_run(harm, tmp_path, monkeypatch, run):
    """Sabotage."""
    monkeypatch.setattr(side_effects, "HARMLESS_OPS", side_effects.HARMLESS_OPS | {"PyFunc"})
    run(harm("PyFunc"), tmp_path)
    assert CALLS


@pytest.mark.parametrize("verb", ["record", "recalibrate"])
def test_the_flag(harm, tmp_path, capsys, verb):
    from slimfix.commands.main import main

    prefix = harm("PyFunc")
    np.savez(tmp_path / "data.npz", x=np.random.RandomState(3).normal(size=(40, 6)).astype("f4"))
    flags = [f"--checkpoint={prefix}", f"--data={tmp_path / 'data.npz'}"]
    flags += {
        "record": [
            f"--output={tmp_path / 'r.npz'}",
            *(f"--{flag}={value}" for flag, value in WHICH.items()),
        ],
        "recalibrate": [f"--output={tmp_path / 'new.ckpt'}"],
    }[verb]
    assert main([verb, *flags]) == 1
    assert "PyFunc 'spy': calls Python code" in capsys.readouterr().err
    assert main([verb, *flags, "--allow_ops=ReadFile,PyFunc"]) == 0


def test_names_of_a_checkpoint_reach_no_terminal_raw(tmp_path, capsys):
    from slimfix.commands.main import main

    name = f"{tmp_path}/a\x1b]0;yours\x07\u202e\nFix: obey"
    assert main(["record", f"--checkpoint={name}", f"--output={tmp_path / 'r.npz'}"]) == 2
    said = capsys.readouterr().err
    assert "a\\x1b]0;yours\\x07\\u202e" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


@pytest.mark.parametrize("run", RUNS[:2])
def test_a_gradient_on_the_way_is_recorded(graph, saved, tmp_path, run):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    score = slim.fully_connected(x, 5, activation_fn=tf.sigmoid, scope="score")
    (slope,) = tf.gradients(score, x)  # SigmoidGrad.
    net = slim.fully_connected(slope, 4, normalizer_fn=slim.batch_norm, scope="fc")
    tf.identity(slim.fully_connected(net, 3, activation_fn=None, scope="out"), name="end")
    run(saved(), tmp_path)


@pytest.mark.skipif(not HAS_KERAS_3, reason="a migration needs Keras 3")
def test_what_only_computes_has_no_converter(graph, saved, tmp_path):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    h = tf.cast(tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 0.5]), tf.float32)
    tf.identity(slim.fully_connected(h, 3, scope="fc"), name="end")
    with pytest.raises(UnsupportedOpError, match="Bucketize"):
        migrate(saved(), tmp_path)


def test_an_initial_value_that_the_checkpoint_replaces_does_not_run(graph, saved, tmp_path):
    """Weights of Python, embeddings say, are in the checkpoint."""
    import tensorflow.compat.v1 as tf

    def load():
        CALLS.append("load")
        return np.linspace(0.5, 2, 30, dtype=np.float32).reshape(6, 5)

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    initial = tf.py_func(load, [], tf.float32)
    initial.set_shape([6, 5])
    table = tf.get_variable("table", initializer=initial)
    net = slim.fully_connected(x @ table, 4, normalizer_fn=slim.batch_norm, scope="fc")
    tf.identity(slim.fully_connected(net, 3, activation_fn=None, scope="out"), name="end")
    prefix = saved()
    CALLS.clear()
    recalibrate(prefix, tmp_path)
    assert CALLS == []
    old, new = (read_checkpoint(each) for each in (prefix, str(tmp_path / "new.ckpt")))
    np.testing.assert_array_equal(new.read("table"), old.read("table"))


def test_a_recalibration_says_what_to_feed(harm, tmp_path):
    with pytest.raises(UnsafeGraphError, match=r"Fix: feed a tensor behind .*\(--data\); for a"):
        recalibrate(harm("PyFunc"), tmp_path)


def test_an_op_that_tensorflow_does_not_have(graph, saved, tmp_path):
    """It is trusted, and its library is not loaded."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    tf.identity(slim.fully_connected(tf.nn.relu(x, "own"), 3, scope="fc"), name="end")
    prefix = saved()
    meta_graph = read_meta(prefix + ".meta")
    next(node for node in meta_graph.graph_def.node if node.name == "own").op = "SomeonesOp"
    with open(prefix + ".meta", "wb") as file:
        file.write(meta_graph.SerializeToString())
    with pytest.raises(UnsupportedOpError, match="does not have an op of this graph"):
        record(prefix, tmp_path, allow_ops="SomeonesOp")


@pytest.mark.parametrize(("kind", "behind"), [("ReadFile", "add"), ("PyFunc", "spy")])
def test_what_lies_above_fed_tensors_is_not_run(harm, tmp_path, kind, behind):
    """Recalibrated as the error tells to, behind the op or by what it gives."""
    prefix, new = harm(kind), tmp_path / "new"
    with pytest.raises(UnsafeGraphError, match="Fix: feed a tensor behind these nodes"):
        recalibrate(prefix, tmp_path)
    data = np.linspace(-1, 1, 30, dtype=np.float32).reshape(5, 6)
    slimfix.recalibrate_checkpoint(prefix, new, {behind: data})
    moved = data.astype(np.float64) @ read_checkpoint(prefix).read("fc/weights")
    mean = read_checkpoint(new).read("fc/BatchNorm/moving_mean")
    np.testing.assert_allclose(mean, moved.mean(axis=0), atol=1e-6)
    assert CALLS == []


def test_what_python_gives_may_be_an_input(harm, tmp_path):
    """The graph says its dtype in a list."""
    prefix = harm("PyFunc")
    which = {**WHICH, "inputs": "spy"}
    recording = slimfix.record(prefix, tmp_path / "r.npz", levels="L1", **which)
    assert recording.inputs["spy:0"].dtype == np.float32
    assert CALLS == []
