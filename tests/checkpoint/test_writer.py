"""Checkpoints written without a graph: bit for bit, whole or not at all, over nothing."""

import os

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.checkpoint.writer import check_prefix_is_free, new_checkpoint, write_checkpoint
from slimfix.errors import OutputError, UsageError

ARRAYS = {
    "float32": np.array([[1e-45, -0.0, np.nan], [np.inf, 1e-36, 1 / 3]], np.float32),
    "float64": np.array([1 / 3, 5e-324]),
    "float16": np.array([0.1, 6e-8], np.float16),
    "scalar": np.float32(2.5),
    "global_step": np.int64(2**40 + 1),
    "int32": np.array([[[7]], [[-8]]], np.int32),
    "uint8": np.array([0, 255], np.uint8),
    "flags": np.array([True, False, True]),
    "empty": np.zeros([0, 3], np.float32),
    "complex": np.array([1 + 2j], np.complex64),
    "net/conv/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
}


def test_every_dtype_is_read_back_to_the_bit(tmp_path):
    prefix = str(tmp_path / "model.ckpt")
    write_checkpoint(prefix, ARRAYS)
    checkpoint = read_checkpoint(prefix)
    assert set(checkpoint.variables) == set(ARRAYS)
    for name, value in ARRAYS.items():
        found = np.asarray(checkpoint.read(name))
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert found.tobytes() == value.tobytes()


def test_bfloat16_and_strings(tmp_path):
    import tensorflow.compat.v1 as tf

    values = np.array([1.5, -2.25], np.float32).astype(tf.bfloat16.as_numpy_dtype)
    texts = np.array([b"one", b"", b"\x00\xff"], object)
    prefix = str(tmp_path / "model.ckpt")
    write_checkpoint(prefix, {"half": values, "texts": texts, "text": b"x\x00"})
    checkpoint = read_checkpoint(prefix)
    assert checkpoint.read("half").tobytes() == values.tobytes()
    assert checkpoint.variables["half"].dtype == "bfloat16"
    assert checkpoint.read("texts").tolist() == texts.tolist()
    assert checkpoint.read("text") == b"x\x00"


def test_a_saver_restores_it(graph, tmp_path):
    """Partitioned variables too, which are whole in the file."""
    import tensorflow.compat.v1 as tf

    parts = tf.fixed_size_partitioner(2, axis=0)
    value = np.arange(15, dtype=np.float32).reshape(5, 3)
    whole = tf.get_variable("whole", [5, 3])
    split = tf.get_variable("split", [5, 3], partitioner=parts)
    prefix = str(tmp_path / "model.ckpt")
    write_checkpoint(prefix, {"whole": value, "split": -value})
    with tf.Session() as session:
        tf.train.Saver().restore(session, prefix)
        np.testing.assert_array_equal(session.run(whole), value)
        np.testing.assert_array_equal(session.run(tf.convert_to_tensor(split)), -value)


def test_a_new_checkpoint_comes_whole(tmp_path):
    prefix = str(tmp_path / "model.ckpt")
    with new_checkpoint(prefix) as temporary:
        write_checkpoint(temporary, ARRAYS)
        assert [path for path in tmp_path.iterdir() if path.is_file()] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.ckpt.data-00000-of-00001",
        "model.ckpt.index",
    ]


def test_a_new_checkpoint_leaves_nothing_when_the_block_raises(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_checkpoint(str(tmp_path / "model.ckpt")) as made:
        write_checkpoint(made, ARRAYS)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_new_checkpoint_leaves_nothing_when_a_file_cannot_be_moved(tmp_path, monkeypatch):
    link = os.link

    def fail_at_the_index(source, target):
        if target.endswith(".index"):
            (tmp_path / "m.index").write_text("another run's")
        link(source, target)

    monkeypatch.setattr(os, "link", fail_at_the_index)
    expected = pytest.raises(OutputError, match="something came there meanwhile, and was left")
    with expected, new_checkpoint(tmp_path / "m") as made:
        write_checkpoint(made, ARRAYS)
    assert [path.name for path in tmp_path.iterdir()] == ["m.index"]
    assert (tmp_path / "m.index").read_text() == "another run's"


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00002"])
def test_a_prefix_that_is_taken(tmp_path, suffix):
    prefix = str(tmp_path / "model.ckpt-7")
    check_prefix_is_free(prefix)
    (tmp_path / ("model.ckpt-7" + suffix)).write_text("precious")
    with pytest.raises(UsageError) as caught:
        check_prefix_is_free(prefix)
    assert str(caught.value) == (
        f"Checkpoint prefix '{prefix}' is taken by 1 file:\n"
        f"  '{prefix}{suffix}'\n"
        "Fix: choose another prefix for the output; slimfix overwrites nothing."
    )


def test_a_neighbour_takes_no_prefix(tmp_path):
    (tmp_path / "model.ckpt-70.index").write_text("another's")
    check_prefix_is_free(str(tmp_path / "model.ckpt-7"))


@pytest.mark.parametrize("prefix", ["runs", "runs/", "runs/model/"])
def test_a_folder_is_no_prefix(tmp_path, monkeypatch, prefix):
    """'runs/model/' once wrote over the checkpoint 'runs/model'."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("runs")
    write_checkpoint("runs/model", {"a": np.float32(1)})
    refused = pytest.raises(UsageError, match="that is a folder")
    with refused, new_checkpoint(prefix) as temporary:
        write_checkpoint(temporary, {"a": np.float32(2)})
    assert read_checkpoint("runs/model").read("a") == 1
    assert os.listdir(".") == ["runs"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="is no folder that this user may write in"):
        check_prefix_is_free(str(tmp_path / "nowhere" / "model.ckpt"))
