"""build_saver: what it leaves out by choice, and what it takes for that."""

import numpy as np
import pytest

from slimfix import build_saver, slim
from slimfix.errors import SaverError, UsageError
from tests.graph import small_net

MODEL = {
    "net/conv/weights",
    "net/conv/BatchNorm/beta",
    "net/conv/BatchNorm/moving_mean",
    "net/conv/BatchNorm/moving_variance",
    "net/logits/weights",
    "net/logits/biases",
}
TRAINED = {name for name in MODEL if "moving" not in name}
SLOTS = {name + "/Momentum" for name in TRAINED}
SHADOWS = {name + "/ExponentialMovingAverage" for name in TRAINED}
STEP = {"global_step"}


@pytest.fixture
def net(graph):
    small_net.build(optimizer=True, shadows=True)
    return graph


def stored(saver, folder):
    """Returns the names in the checkpoint that a saver writes."""
    import tensorflow.compat.v1 as tf

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        prefix = saver.save(session, str(folder / "model.ckpt"), write_meta_graph=False)
    return {name for name, _ in tf.train.list_variables(prefix)}


@pytest.mark.parametrize(
    ("choices", "left_out"),
    [
        ({}, set()),
        ({"optimizer_slots": False}, SLOTS),
        ({"shadows": False}, SHADOWS),
        ({"step": False}, STEP),
        ({"optimizer_slots": False, "shadows": False, "step": False}, SLOTS | SHADOWS | STEP),
    ],
)
def test_choices(net, variable_kind, tmp_path, choices, left_out):
    everything = MODEL | SLOTS | SHADOWS | STEP
    assert stored(build_saver(**choices), tmp_path) == everything - left_out


def test_a_weight_called_like_a_slot_is_never_left_out(graph, tmp_path):
    """Sabotage: by its name alone it would be."""
    import tensorflow.compat.v1 as tf

    weights = tf.get_variable("fc/weights", [2, 3])
    momentum = tf.get_variable("fc/weights/Momentum", [2, 3])
    tf.reduce_sum(weights * momentum)
    saver = build_saver(optimizer_slots=False)
    assert stored(saver, tmp_path) == {"fc/weights", "fc/weights/Momentum"}


def test_tables_stay(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    table = tf.lookup.experimental.DenseHashTable(
        tf.string, tf.int64, default_value=-1, empty_key="", deleted_key="$", name="words"
    )
    assert table is not None
    tf.train.get_or_create_global_step()
    names = stored(build_saver(step=False, allow_empty=True), tmp_path)
    assert {name.partition("-")[0] for name in names} == {"words"}


@pytest.mark.parametrize("given", ["var_list", "saver_def"])
@pytest.mark.parametrize(
    "also",
    [{"optimizer_slots": False}, {"shadows": False}, {"step": False}, {"defer_build": True}],
)
def test_who_names_the_variables_does_not_choose_them(net, given, also):
    import tensorflow.compat.v1 as tf

    value = tf.global_variables() if given == "var_list" else tf.train.Saver().saver_def
    with pytest.raises(UsageError, match=f"^build_saver\\(\\) takes no .* with {given}"):
        build_saver(**{given: value}, **also)


def test_var_list_and_saver_def(net):
    import tensorflow.compat.v1 as tf

    saver_def = tf.train.Saver().saver_def
    with pytest.raises(UsageError, match="takes no saver_def with var_list"):
        build_saver(tf.global_variables(), saver_def=saver_def)


@pytest.mark.parametrize(
    "allowed",
    [
        "net/conv/BatchNorm",
        ["net/conv"],
        ["net/conv/BatchNorm/moving_mean", "net/conv/BatchNorm/moving_variance"],
    ],
)
def test_a_statistic_may_be_left_out_by_name(net, tmp_path, allowed):
    import tensorflow.compat.v1 as tf

    saver = build_saver(tf.trainable_variables(), allow_missing=allowed)
    assert stored(saver, tmp_path) == TRAINED


def test_the_other_statistic_is_still_refused(net):
    import tensorflow.compat.v1 as tf

    with pytest.raises(SaverError, match="leave out 1 of 2") as error:
        build_saver(tf.trainable_variables(), allow_missing="net/conv/BatchNorm/moving_mean")
    assert "'net/conv/BatchNorm/moving_variance'" in str(error.value)


def test_an_entry_of_allow_missing_has_to_name_a_statistic(net):
    import tensorflow.compat.v1 as tf

    with pytest.raises(UsageError, match="allow_missing covers no statistic") as error:
        build_saver(tf.global_variables(), allow_missing=["net/conv/BatchNorm/moving_men"])
    assert "near: 'net/conv/BatchNorm/moving_mean'" in str(error.value)


def test_a_saver_def(net, variable_kind, tmp_path):
    """The ops of a Saver that the graph holds already are used again, once they are checked."""
    import tensorflow.compat.v1 as tf

    saver_def = tf.train.Saver(sharded=True).saver_def
    number = len(net.get_operations())
    saver = build_saver(saver_def=saver_def)
    assert len(net.get_operations()) == number
    assert stored(saver, tmp_path) == MODEL | SLOTS | SHADOWS | STEP


def test_a_saver_def_of_an_imported_graph(net, tmp_path):
    import tensorflow.compat.v1 as tf

    saver_def = tf.train.Saver().saver_def
    meta_graph = tf.train.export_meta_graph()
    before = saver_def.SerializeToString()
    with tf.Graph().as_default():
        tf.train.import_meta_graph(meta_graph, import_scope="old")
        saver = build_saver(saver_def=saver_def, name="old")
        assert set(stored(saver, tmp_path)) >= MODEL
    assert saver_def.SerializeToString() == before  # tf.train.Saver puts the scope into it.


@pytest.mark.parametrize("write_version", [1, 2])
def test_a_saver_def_that_lacks_statistics(net, write_version):
    import tensorflow.compat.v1 as tf

    lossy = tf.train.Saver(tf.trainable_variables(), write_version=write_version)
    with pytest.raises(SaverError, match="leave out 2 of 2"):
        build_saver(saver_def=lossy.saver_def)


def test_a_saver_def_of_another_graph(net):
    import tensorflow.compat.v1 as tf

    saver_def = tf.train.Saver().saver_def
    with tf.Graph().as_default(), pytest.raises(UsageError, match="which the default graph lacks"):
        build_saver(saver_def=saver_def)


def test_a_deferred_saver_holds_what_came_later(net, tmp_path):
    import tensorflow.compat.v1 as tf

    saver = build_saver(defer_build=True, optimizer_slots=False, max_to_keep=3)
    number = len(net.get_operations())
    with tf.variable_scope("later"):
        slim.batch_norm(tf.ones([4, 3]))
    assert saver.saver_def is None
    saver.build()
    built = len(net.get_operations())
    assert built > number
    saver.build()
    assert len(net.get_operations()) == built
    assert saver.saver_def.max_to_keep == 3
    names = stored(saver, tmp_path)
    assert "later/BatchNorm/moving_mean" in names
    assert not names & SLOTS


def test_a_scaffold_builds_a_deferred_saver(net, tmp_path):
    import tensorflow.compat.v1 as tf

    saver = build_saver(defer_build=True, sharded=True, shadows=False)
    step = tf.assign_add(tf.train.get_global_step(), 1)
    folder = str(tmp_path / "run")
    with tf.train.MonitoredTrainingSession(
        checkpoint_dir=folder, scaffold=tf.train.Scaffold(saver=saver)
    ) as session:
        session.run(step)
    names = {name for name, _ in tf.train.list_variables(tf.train.latest_checkpoint(folder))}
    assert names == MODEL | SLOTS | STEP


def test_a_deferred_saver_refuses_when_it_is_built(net):
    import tensorflow.compat.v1 as tf

    saver = build_saver(defer_build=True)
    mean = tf.get_variable("hidden/a", [5], collections=["nowhere"], trainable=False)
    variance = tf.get_variable("hidden/b", [5], collections=["nowhere"], trainable=False)
    x = tf.placeholder(tf.float32, [None, 3, 2, 5])
    tf.nn.fused_batch_norm(x, tf.ones([5]), tf.zeros([5]), mean, variance, is_training=False)
    number = len(net.get_operations())
    for _ in range(2):
        with pytest.raises(SaverError, match="leave out 2 of 4"):
            saver.build()
    assert len(net.get_operations()) == number


def test_a_builder_gets_what_was_checked(net):
    """It decides how the variables are saved, not which."""
    import tensorflow.compat.v1 as tf

    made = tf.train.Saver().saver_def

    class Builder:
        seen = ()

        def _build_internal(self, var_list, **arguments):
            self.seen = var_list
            return made

    builder = Builder()
    with pytest.raises(SaverError):
        build_saver(tf.trainable_variables(), builder=builder)
    assert builder.seen == ()
    build_saver(builder=builder, step=False)
    assert {each.op.name for each in builder.seen} == MODEL | SLOTS | SHADOWS


FORMATS = [(version, sharded) for version in (1, 2) for sharded in (False, True)]


@pytest.mark.parametrize(("write_version", "sharded"), FORMATS)
def test_formats_and_partitions_are_whole(graph, variable_kind, tmp_path, write_version, sharded):
    """What a Saver with all the trimmings wrote is read back value by value."""
    import tensorflow.compat.v1 as tf

    from slimfix.checkpoint import read_checkpoint

    weights = tf.get_variable("a/weights", [2, 6], partitioner=tf.fixed_size_partitioner(2, 1))
    net = slim.batch_norm(tf.matmul(tf.zeros([4, 2]), weights), scope="a/BatchNorm")
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(net))
    parts = tf.global_variables("a/weights")
    assert len(parts) == 4  # Two of the weights, two of their slot.
    saver = build_saver(write_version=write_version, sharded=sharded)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        small_net.load(session, tf.global_variables())
        values = small_net.read(session)
        prefix = saver.save(session, str(tmp_path / "model.ckpt"))
    checkpoint = read_checkpoint(prefix)
    held = {name: checkpoint.read(name) for name in checkpoint.variables}
    for name in ("a/weights", "a/weights/Momentum"):
        tail = name[len("a/weights") :]
        pieces = [values[f"a/weights/part_{index}{tail}"] for index in range(2)]
        np.testing.assert_array_equal(held.pop(name), np.concatenate(pieces, axis=1))
    for name, value in held.items():
        np.testing.assert_array_equal(value, values[name], err_msg=name)
    assert "a/BatchNorm/moving_mean" in held
