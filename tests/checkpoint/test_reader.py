"""Checkpoints written by TensorFlow 1.15.5 are read; what is no checkpoint is explained."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from slimfix.checkpoint import meta_beside, read_checkpoint
from slimfix.checkpoint.damage import Damage, within
from slimfix.errors import CheckpointError

GOOD = "tests/golden/digits/good/model.ckpt"
FILES = (".index", ".data-00000-of-00001", ".meta")


@pytest.fixture
def copied(tmp_path):
    """A copy of the good checkpoint that a test may damage."""
    for suffix in FILES:
        shutil.copy(GOOD + suffix, str(tmp_path))
    return tmp_path / "model.ckpt"


def test_lists_every_variable_with_shape_and_dtype():
    checkpoint = read_checkpoint(GOOD)
    assert len(checkpoint.variables) == 33
    spec = checkpoint.variables["digits/sepconv2/depthwise_weights"]
    assert (spec.shape, spec.dtype) == ((2, 3, 12, 2), "float32")
    assert str(spec) == "[2,3,12,2] float32"
    assert list(checkpoint.variables) == sorted(checkpoint.variables)


def test_reads_the_values_that_training_saw():
    """The product in NumPy float64 is what TensorFlow 1.15.5 recorded."""
    checkpoint = read_checkpoint("tests/golden/micro/rank2_scale/model.ckpt")
    recorded = np.load("tests/golden/micro/rank2_scale/recording.npz")
    x = recorded["input/x:0"].astype(np.float64)
    product = x @ checkpoint.read("net/fc/weights").astype(np.float64)
    np.testing.assert_allclose(recorded["tensor/net/fc/MatMul:0"], product, rtol=1e-5)


def test_unknown_variable_is_a_key_error():
    with pytest.raises(KeyError, match="digits/nothing"):
        read_checkpoint(GOOD).read("digits/nothing")


@pytest.mark.parametrize("suffix", FILES)
def test_a_file_in_place_of_the_prefix_is_named(suffix):
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(GOOD + suffix)
    assert str(caught.value) == (
        f"'{GOOD}{suffix}' names one file of a checkpoint, not its prefix\nFix: name '{GOOD}'"
    )


def test_a_folder_lists_its_checkpoints():
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint("tests/golden/digits/good")
    assert "is a folder, not a checkpoint prefix; it holds 1 checkpoint:\n" in str(caught.value)
    assert "\n  tests/golden/digits/good/model.ckpt\n" in str(caught.value)


def test_a_missing_checkpoint_lists_its_neighbours():
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint("tests/golden/digits/good/model.ckpt-7")
    assert (
        "No checkpoint at prefix 'tests/golden/digits/good/model.ckpt-7'; its folder holds 1 "
        in str(caught.value)
    )


def test_missing_data_file(copied):
    (copied.parent / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(CheckpointError, match=r"has an \.index file but no \.data file"):
        read_checkpoint(str(copied))


def test_truncated_index(copied):
    (copied.parent / "model.ckpt.index").write_bytes(b"half an index")
    with pytest.raises(CheckpointError, match="Cannot read checkpoint prefix"):
        read_checkpoint(str(copied))


def test_truncated_data_names_the_variable(copied):
    data = copied.parent / "model.ckpt.data-00000-of-00001"
    checkpoint = read_checkpoint(str(copied))
    data.write_bytes(data.read_bytes()[:20000])
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read("digits/sepconv2/pointwise_weights")
    assert "Cannot read variable 'digits/sepconv2/pointwise_weights'" in str(caught.value)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(copied))
    assert f"'{data}', which has 20000 bytes" in str(caught.value)
    assert "Likely cause: a file was cut short" in str(caught.value)


def test_a_flipped_byte_is_noticed(copied):
    """TensorFlow keeps a checksum for each tensor; slimfix must not swallow its word."""
    data = copied.parent / "model.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[5] ^= 0xFF
    data.write_bytes(bytes(content))
    checkpoint = read_checkpoint(str(copied))
    with pytest.raises(CheckpointError):
        for name in checkpoint.variables:
            checkpoint.read(name)


def write_v1(folder, sharded):
    """Writes a V1 checkpoint of a partitioned, a bool and a string variable."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("table", [7, 3], partitioner=tf.fixed_size_partitioner(3))
        tf.get_variable("flags", initializer=[True, False], trainable=False)
        tf.get_variable("words", initializer=["one", "two"])
        session.run(tf.global_variables_initializer())
        for index, part in enumerate(tf.global_variables("table")):
            part.load(np.arange(part.shape.num_elements()).reshape(part.shape) + index, session)
        whole = np.concatenate(session.run(tf.global_variables("table")))
        saver = tf.train.Saver(write_version=tf.train.SaverDef.V1, sharded=sharded)
        return saver.save(session, str(folder / "model.ckpt"), write_meta_graph=False), whole


@pytest.mark.parametrize("sharded", [False, True])
def test_version_1_with_all_that_its_reader_refuses(tmp_path, sharded):
    """TensorFlow's reader does not put parts together, nor on 1.15 read a bool; its op does."""
    prefix, whole = write_v1(tmp_path, sharded)
    assert ("?????-of-" in prefix) is sharded
    checkpoint = read_checkpoint(prefix)
    assert str(checkpoint.variables["table"]) == "[7,3] float32"
    np.testing.assert_array_equal(checkpoint.read("table"), whole)
    assert checkpoint.read("flags").tolist() == [True, False]
    assert checkpoint.read("words").tolist() == [b"one", b"two"]


def test_a_pattern_that_matches_nothing(tmp_path):
    with pytest.raises(CheckpointError, match="No checkpoint at prefix"):
        read_checkpoint(str(tmp_path / "model.ckpt-?????-of-00002"))


def test_a_path_that_only_tensorflow_knows(copied):
    assert len(read_checkpoint(f"file://{copied}").variables) == 33
    with pytest.raises(CheckpointError, match="No checkpoint at prefix 'file://"):
        read_checkpoint(f"file://{copied}-7")


@pytest.mark.parametrize("prefix", [GOOD, "tests/golden/checkpoints/v1/model.ckpt"])
def test_listing_and_reading_load_nothing_heavy(prefix):
    program = (
        "import sys\n"
        "from slimfix.checkpoint import read_checkpoint\n"
        f"checkpoint = read_checkpoint({prefix!r})\n"
        "for name in checkpoint.variables: checkpoint.read(name)\n"
        "print([m for m in ('tensorflow', 'keras', 'google.protobuf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().strip() == "[]"


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("version", [1, 2])
def test_a_variable_saved_in_part_is_listed_and_not_read(tmp_path, version, which):
    """A Saver may be given some parts: the others are read, as TensorFlow reads them."""
    import tensorflow.compat.v1 as tf

    wanted = np.arange(15, dtype=np.float32).reshape(5, 3)
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.get_variable("table", [7, 3], partitioner=tf.fixed_size_partitioner(3))
        weights = tf.get_variable("weights", initializer=wanted)
        saver = tf.train.Saver([list(table)[which], weights], write_version=version)
        session.run(tf.global_variables_initializer())
        prefix = saver.save(session, str(tmp_path / "model.ckpt"))
    checkpoint = read_checkpoint(prefix)
    assert {name: str(spec) for name, spec in checkpoint.variables.items()} == {
        "table": "[7,3] float32",
        "weights": "[5,3] float32",
    }
    np.testing.assert_array_equal(checkpoint.read("weights"), wanted)
    held = 9 if which == 0 else 6
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read("table")
    assert str(caught.value).splitlines() == [
        f"Cannot read variable 'table' of checkpoint prefix '{prefix}':",
        f"  its parts hold {held} values, the whole 21",
        "Likely cause: the Saver was given only some parts of a partitioned variable.",
        "Fix: leave the variable out, or save all its parts.",
    ]


def test_what_the_system_says_is_no_damage(copied, monkeypatch):
    checkpoint, name = read_checkpoint(str(copied)), "digits/sepconv2/pointwise_weights"

    class Broken:
        def __init__(self, *args, **kwargs):
            self._place = 0

        def seek(self, place, whence=0):
            self._place = 10**6

        def tell(self):
            return self._place

        def read(self, size):
            raise OSError(5, "Input/output error")

        def close(self):
            pass

    monkeypatch.setattr("slimfix.checkpoint.files._open", Broken)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(name)
    assert str(caught.value).splitlines() == [
        f"Cannot read variable '{name}' of checkpoint prefix '{copied}':",
        f"  [Errno 5] Input/output error: '{copied}.data-00000-of-00001'",
    ]
    monkeypatch.setattr(Broken, "read", lambda self, size: b"")
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(name)
    assert str(caught.value).splitlines()[1:] == [
        f"  '{copied}.data-00000-of-00001' was cut short while it was read"
    ]


def test_a_file_that_may_not_be_opened_is_no_damage(copied, monkeypatch):
    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(copied))
    monkeypatch.undo()
    assert str(caught.value).splitlines()[1:] == [
        f"  [Errno 13] Permission denied: '{copied}.index'",
        "Fix: give this user the right to read it, or copy it to a place of yours.",
    ]


def test_a_path_object(copied):
    assert len(read_checkpoint(copied).variables) == 33


def test_what_only_names_the_latest_is_told(copied):
    (copied.parent / "checkpoint").write_text('model_checkpoint_path: "model.ckpt"')
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(copied.parent / "checkpoint")
    assert "only says which checkpoint of its folder is the latest; there is 1" in str(caught.value)
    assert f"\n  {copied}\n" in str(caught.value)


def test_a_graph_or_a_saved_model_is_named_with_its_argument(tmp_path):
    for path, flag in ((tmp_path / "frozen.pb", "--frozen_graph"), (tmp_path, "--saved_model")):
        (tmp_path / ("frozen.pb" if path != tmp_path else "saved_model.pb")).write_bytes(b"x")
        with pytest.raises(CheckpointError, match=flag):
            read_checkpoint(path)


def test_a_folder_that_may_not_be_looked_into(tmp_path, monkeypatch):
    monkeypatch.setattr("slimfix.checkpoint.prefix.os.access", lambda path, mode: False)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(tmp_path / "model.ckpt")
    assert f"this user may not look into '{tmp_path}'" in str(caught.value)


def test_version_1_is_found_without_its_pattern(tmp_path):
    """The prefix that the Saver was given: beside it lies the .meta of all shards."""
    prefix, whole = write_v1(tmp_path, sharded=True)
    given = str(tmp_path / "model.ckpt")
    np.testing.assert_array_equal(read_checkpoint(given).read("table"), whole)
    assert meta_beside(prefix) == meta_beside(given) == given + ".meta"
    (tmp_path / "model.ckpt.meta").write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(tmp_path / "modle.ckpt")
    assert f"its folder holds 1 checkpoint:\n  {given}\n" in str(caught.value)


def test_a_place_is_said_once():
    told = pytest.raises(Damage, match=r"^'m.index': its header: cut$")
    with told, within("'m.index'"), within("'m.index'"), within("its header"):
        raise Damage("cut")
