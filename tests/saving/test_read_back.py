"""build_saver(read_back=True): a checkpoint that is not what was saved is an error at once."""

import glob
import os
import shutil
import threading

import numpy as np
import pytest

from slimfix import build_saver
from slimfix.errors import CheckpointError, CheckpointMismatchError, SaverError
from tests.graph import small_net


@pytest.fixture
def net(graph):
    """Variables of every kind: partitioned, integers, bool, strings, NaN, no value at all."""
    import tensorflow.compat.v1 as tf

    small_net.build(optimizer=True)
    tf.get_variable("table", [7, 3], partitioner=tf.fixed_size_partitioner(3))
    tf.get_variable("words", initializer=["one", "two"])
    tf.get_variable("word", initializer="three")
    tf.get_variable("odd", initializer=np.array([np.nan, np.inf, -0.0, 1e-45], np.float32))
    tf.get_variable("flags", initializer=[True, False], trainable=False)
    tf.get_variable("empty", [0, 3])
    return graph


@pytest.fixture
def session(net):
    import tensorflow.compat.v1 as tf

    with tf.Session(graph=net) as opened:
        opened.run(tf.global_variables_initializer())
        yield opened


def sabotage(monkeypatch, spoil):
    """Calls spoil(prefix) between the writing of each checkpoint and its reading back."""
    import tensorflow.compat.v1 as tf

    run = tf.Session.run

    def run_and_spoil(self, fetches, *args, **kwargs):
        result = run(self, fetches, *args, **kwargs)
        if isinstance(fetches, list) and str(fetches[0]).startswith("save/"):
            spoil(tf.compat.as_str(result[0]))
        return result

    monkeypatch.setattr(tf.Session, "run", run_and_spoil)


FORMATS = [(version, sharded) for version in (1, 2) for sharded in (False, True)]


@pytest.mark.parametrize(("write_version", "sharded"), FORMATS)
def test_what_is_right_passes(variable_kind, session, tmp_path, write_version, sharded):
    import tensorflow.compat.v1 as tf

    saver = build_saver(read_back=True, write_version=write_version, sharded=sharded)
    assert isinstance(saver, tf.train.Saver)
    prefix = saver.save(session, str(tmp_path / "model.ckpt"), global_step=7)
    assert prefix.startswith(str(tmp_path / "model.ckpt-7"))
    assert tf.train.latest_checkpoint(str(tmp_path)) == prefix
    assert saver.last_checkpoints == [prefix]
    saver.restore(session, prefix)


@pytest.mark.parametrize(("write_version", "sharded"), FORMATS)
def test_other_values_are_found(
    monkeypatch, variable_kind, session, tmp_path, write_version, sharded
):
    """The file system hands out a checkpoint that was written before."""
    import tensorflow.compat.v1 as tf

    saver = build_saver(read_back=True, write_version=write_version, sharded=sharded)
    good = saver.save(session, str(tmp_path / "model.ckpt-1"), write_meta_graph=False)

    def bring_back_the_old(prefix):
        for path in glob.glob(str(tmp_path / "model.ckpt-1") + "*"):
            shutil.copy(path, path.replace("ckpt-1", "ckpt-2"))

    sabotage(monkeypatch, bring_back_the_old)
    first = tf.global_variables("table")[1]
    last = tf.global_variables("words")[0]
    biases = tf.global_variables("net/logits/biases")[0]
    session.run(tf.assign_add(first, [[0.5, 0.0, 0.25], [0.0, 0.0, 0.0]]))
    session.run(tf.assign(last, ["one", "three"]))
    session.run(tf.assign(biases, [0.0, np.nan, 0.0, -0.0]))
    with pytest.raises(CheckpointMismatchError) as error:
        saver.save(session, str(tmp_path / "model.ckpt-2"), write_meta_graph=False)
    lines = str(error.value).splitlines()
    number = len(tf.global_variables())
    bad = good.replace("ckpt-1", "ckpt-2")
    assert lines[0] == (
        f"3 of {number} values in checkpoint prefix '{bad}' are not what was saved:"
    )
    assert sorted(lines[1:4]) == [
        "  'net/logits/biases': 2 of 4 values differ, by up to 0",
        "  'table': 2 of 6 values differ, by up to 0.5",
        "  'words': 1 of 2 values differ",
    ]
    assert "the 'checkpoint' file still names the one before" in lines[-1]
    assert tf.train.latest_checkpoint(str(tmp_path)) == good
    assert saver.last_checkpoints == [good]


def test_a_lost_variable_is_found(monkeypatch, session, tmp_path):
    import tensorflow.compat.v1 as tf

    keep = tf.train.Saver(tf.global_variables("net/"), name="other")

    def write_less(prefix):
        monkeypatch.undo()
        keep.save(session, prefix, write_state=False, write_meta_graph=False)

    saver = build_saver(read_back=True)
    sabotage(monkeypatch, write_less)
    with pytest.raises(CheckpointMismatchError, match="'table': not in the checkpoint"):
        saver.save(session, str(tmp_path / "model.ckpt"))


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_file_is_found(monkeypatch, session, tmp_path, damage):
    def spoil(prefix):
        path = prefix + ".data-00000-of-00001"
        if damage == "remove":
            os.remove(path)
            return
        with open(path, "r+b") as file:
            content = bytearray(file.read())
            content[len(content) // 2] ^= 1
            file.seek(0)
            file.truncate()
            file.write(content[:-5] if damage == "cut" else content)

    saver = build_saver(read_back=True)
    sabotage(monkeypatch, spoil)
    with pytest.raises(CheckpointError):
        saver.save(session, str(tmp_path / "model.ckpt"))


def test_the_one_kept_is_not_deleted_for_a_bad_one(monkeypatch, session, tmp_path):
    saver = build_saver(read_back=True, max_to_keep=1)
    good = saver.save(session, str(tmp_path / "model.ckpt-1"))
    sabotage(monkeypatch, lambda prefix: os.remove(prefix + ".index"))
    with pytest.raises(CheckpointError):
        saver.save(session, str(tmp_path / "model.ckpt-2"))
    assert os.path.exists(good + ".index")


def test_a_checkpoint_on_another_file_system(session, tmp_path):
    """A path that TensorFlow knows and Python does not, as gs:// is."""
    prefix = build_saver(read_back=True).save(session, f"file://{tmp_path}/model.ckpt")
    assert prefix.startswith("file://")


def test_choices_and_deferral(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    small_net.build(optimizer=True)
    saver = build_saver(read_back=True, defer_build=True, optimizer_slots=False)
    saver.build()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        prefix = saver.save(session, str(tmp_path / "model.ckpt"))
    assert not any("Momentum" in name for name, _ in tf.train.list_variables(prefix))


def test_a_deferred_saver_that_was_not_built(session, tmp_path):
    with pytest.raises(RuntimeError, match="build"):
        build_saver(read_back=True, defer_build=True).save(session, str(tmp_path / "model.ckpt"))


def test_ops_that_are_not_known(session, tmp_path):
    import tensorflow.compat.v1 as tf

    saver = build_saver(read_back=True)
    saver.saver_def.save_tensor_name = tf.constant("nothing").name
    with pytest.raises(SaverError, match="Cannot see what the Saver writes"):
        saver.save(session, str(tmp_path / "model.ckpt"))


def test_it_serves_a_monitored_session_and_its_hook(net, variable_kind, tmp_path, monkeypatch):
    import tensorflow.compat.v1 as tf

    saver = build_saver(read_back=True)
    train = tf.assign_add(tf.train.get_global_step(), 1)
    folder = str(tmp_path / "run")

    def train_on():
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=folder,
            scaffold=tf.train.Scaffold(saver=saver),
            save_checkpoint_secs=None,
            save_checkpoint_steps=2,
        ) as session:
            for _ in range(4):
                session.run(train)

    train_on()
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, "model.ckpt-4")

    def lose_the_next(prefix):
        if prefix.endswith("-6"):  # The first save after a restart is to the old prefix.
            os.remove(prefix + ".index")

    sabotage(monkeypatch, lose_the_next)
    with pytest.raises(CheckpointError):
        train_on()
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, "model.ckpt-4")


@pytest.mark.parametrize("write_version", [1, 2])
def test_a_supervisor_saves_while_another_thread_trains(
    graph, variable_kind, tmp_path, write_version
):
    """The values compared are those of the run that saved them, not those of a moment later."""
    import tensorflow.compat.v1 as tf

    moving = tf.get_variable("moving", [3, 2])
    step = tf.train.get_or_create_global_step()
    train = tf.group(tf.assign_add(moving, tf.ones([3, 2])), tf.assign_add(step, 1))
    saver = build_saver(read_back=True, write_version=write_version, max_to_keep=3)
    supervisor = tf.train.Supervisor(
        logdir=str(tmp_path),
        saver=saver,
        summary_op=None,
        save_model_secs=0,
        save_summaries_secs=0,
    )
    stop = threading.Event()
    with supervisor.managed_session() as session:

        def train_on():
            while not stop.is_set():
                session.run(train)

        trainer = threading.Thread(target=train_on)
        trainer.start()
        try:
            for _ in range(20):
                prefix = saver.save(session, supervisor.save_path, global_step=step)
        finally:
            stop.set()
            trainer.join()
    assert prefix.startswith(os.path.join(str(tmp_path), "model.ckpt-"))
