"""Where a Saver of build_saver writes: what it refuses before, and what a full disk is."""

import os
import subprocess
import sys

import numpy as np
import pytest

import slimfix
from slimfix.checkpoint import read_checkpoint
from slimfix.errors import UsageError


@pytest.fixture(params=[1, 2])
def version(request):
    return request.param


@pytest.fixture
def saver(session, version):
    import tensorflow.compat.v1 as tf

    value = np.arange(15, dtype=np.float32).reshape(5, 3)
    tf.get_variable("weights", initializer=value)
    step = tf.Variable(41, trainable=False, name="global_step", dtype=tf.int64)
    made = slimfix.build_saver(write_version=version)
    session.run(tf.global_variables_initializer())
    made.step = step
    return made


@pytest.mark.parametrize("path", ["", "m\0n", "n" * 300, None, 7])
def test_what_is_no_path(saver, session, tmp_path, monkeypatch, path):
    """TensorFlow writes files called '.index' for an empty one, and cuts at the NUL."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        saver.save(session, path)
    assert os.listdir(".") == []
    assert saver.last_checkpoints == []
    assert saver.save(session, "m") == "m"  # It is none the worse for it.


def steps(saver):
    return {"int": (41, "-41"), "tensor": (saver.step, "-41"), "none": (None, "")}


@pytest.mark.parametrize("given", ["int", "tensor", "none"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/nonexistent/x", path)])
def test_what_is_no_plain_file_stays(saver, session, version, tmp_path, monkeypatch, make, given):
    monkeypatch.chdir(tmp_path)
    step, suffix = steps(saver)[given]
    name = "m" + suffix + (".index" if version == 2 else "")
    make(name)
    before = os.lstat(name)[:3]
    with pytest.raises(UsageError, match=f"Cannot write over 1 of 1 paths:\n  '{name}' is a "):
        saver.save(session, "m", step)
    assert os.listdir(".") == [name]
    assert os.lstat(name)[:3] == before


def test_padded_steps(session, tmp_path, monkeypatch):
    import tensorflow.compat.v1 as tf

    monkeypatch.chdir(tmp_path)
    tf.get_variable("weights", [5, 3])
    session.run(tf.global_variables_initializer())
    made = slimfix.build_saver(pad_step_number=True)
    assert made.save(session, "m", 41) == "m-00000041"
    os.remove("m-00000041.index")
    os.mkfifo("m-00000041.index")
    with pytest.raises(UsageError, match=r"'m-00000041.index' is a FIFO"):
        made.save(session, "m", 41)


def test_its_own_files_are_replaced(saver, session, tmp_path):
    """As tf.train.Saver does: sabotage of the refusal."""
    for _ in range(2):
        assert saver.save(session, tmp_path / "m", 3) == str(tmp_path / "m-3")


_FULL = """
import resource, sys
import tensorflow.compat.v1 as tf
import slimfix
from slimfix.errors import OutputError

tf.disable_v2_behavior()
tf.get_variable("weights", [5, 3])
saver = slimfix.build_saver(write_version=int(sys.argv[2]))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
    try:
        saver.save(session, sys.argv[1])
    except OutputError as error:
        print(error)
"""


def test_a_full_disk(version, tmp_path):
    """The system's own refusal, in a process that may not write a large file."""
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path / "m"), str(version)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.startswith(f"Cannot write '{tmp_path / 'm'}':\n  File too large\nFix: ")
    assert os.listdir(str(tmp_path)) == []


def test_a_folder_of_the_prefix_s_name(saver, session, version, tmp_path):
    """Version 2 writes beside it, as tf.train.Saver does; version 1 would write over it."""
    (tmp_path / "model").mkdir()
    if version == 1:
        with pytest.raises(UsageError, match=r"'.*model' is a folder"):
            saver.save(session, tmp_path / "model")
        return
    prefix = saver.save(session, tmp_path / "model")
    wanted = np.arange(15, dtype=np.float32).reshape(5, 3)
    np.testing.assert_array_equal(read_checkpoint(prefix).read("weights"), wanted)


@pytest.mark.parametrize("suffix", [".index", ".meta", ".data-00000-of-00001"])
def test_a_folder_in_place_of_a_file(saver, session, version, tmp_path, suffix):
    (tmp_path / ("m" + suffix)).mkdir()
    with pytest.raises(UsageError, match=f"'.*m{suffix}' is a folder"):
        saver.save(session, tmp_path / "m")
