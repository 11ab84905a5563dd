"""restore: what it reads, by which name, and what its record says."""

import make_crossing
import numpy as np
import pytest

from slimfix import restore, slim
from slimfix.restoring.restore import Mismatch
from tests.graph import small_net

# What small_net.build() makes.
NET = {
    "net/conv/weights",
    "net/conv/BatchNorm/beta",
    "net/conv/BatchNorm/moving_mean",
    "net/conv/BatchNorm/moving_variance",
    "net/logits/weights",
    "net/logits/biases",
}


def check_values(session, variables, wanted=small_net.value_of):
    for variable, value in zip(variables, session.run(variables)):
        np.testing.assert_array_equal(value, wanted(variable), err_msg=variable.op.name)


@pytest.mark.parametrize("version", ["1.15.5", "2.21.0"])
@pytest.mark.parametrize("initialized", [True, False])
def test_every_variable_of_either_world(variable_kind, session, version, initialized):
    import tensorflow.compat.v1 as tf

    make_crossing.build(slim)
    variables = tf.global_variables()
    if initialized:
        session.run(tf.global_variables_initializer())
    record = restore(session, f"tests/golden/crossing/{version}/model.ckpt")
    check_values(session, variables)
    assert record.restored == {each.op.name: each.op.name for each in variables}
    assert (record.raw, record.missing, record.mismatched) == ((), (), ())
    assert (record.excluded, record.unused) == ((), ())


def test_scopes_are_left_out_whole(session, tmp_path, variable_kind):
    """'net/logits' is another scope than 'net/logits2'."""
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt")
    small_net.build()
    logits2 = tf.get_variable("net/logits2/weights", [2, 3])
    session.run(tf.global_variables_initializer())
    before = small_net.read(session)
    record = restore(
        session, prefix, exclude_scopes=["net/logits"], allow_missing="net/logits2/weights"
    )
    after = small_net.read(session)
    left = {"net/logits/weights", "net/logits/biases"}
    assert set(record.excluded) == left
    assert record.missing == (logits2.op.name,)
    assert set(record.restored) == NET - left
    assert set(record.unused) == left
    assert {name for name in after if np.array_equal(before[name], after[name])} == {
        *left,
        logits2.op.name,
    }


def test_training_state_is_left_out_by_choice(session, tmp_path):
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt", optimizer=True, shadows=True)
    small_net.build(optimizer=True, shadows=True)
    session.run(tf.global_variables_initializer())
    record = restore(session, prefix, optimizer_slots=False, shadows=False, step=False)
    assert set(record.restored) == NET
    assert "global_step" in record.excluded
    assert "net/conv/weights/Momentum" in record.excluded
    assert "net/conv/weights/ExponentialMovingAverage" in record.excluded
    assert set(record.excluded) == set(record.unused)
    assert session.run(tf.train.get_global_step()) == 0


def test_rules_turn_the_graphs_names_into_the_checkpoints(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt", scope="old/tower")
    net, _ = small_net.build(scope="new")
    record = restore(session, prefix, rename=[("^new/", "tower/"), ("^", "old/")])
    assert record.restored["new/conv/weights"] == "old/tower/conv/weights"
    assert record.unused == ()
    variables = net.graph.get_collection("variables")
    for variable, value in zip(variables, session.run(variables)):
        key = variable.op.name.replace("new/", "old/tower/")
        wanted = make_crossing.value_of(key, value.shape, value.dtype)
        np.testing.assert_array_equal(value, wanted)


def test_rules_may_be_a_dict(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt", scope="old")
    small_net.build(scope="new")
    assert len(restore(session, prefix, rename={"^new/": "old/"}).restored) == len(NET)


def test_a_var_list(session, tmp_path):
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt")
    small_net.build()
    logits = tf.global_variables("net/logits")
    record = restore(session, prefix, logits)
    assert set(record.restored) == {"net/logits/weights", "net/logits/biases"}
    assert set(record.unused) == NET - set(record.restored)
    check_values(session, logits)


def test_a_var_list_that_names_the_checkpoints_variables(session, tmp_path):
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt")
    weights = tf.get_variable("mine", [3, 2, 2, 3])
    record = restore(session, prefix, {"net/conv/weights": weights})
    assert record.restored == {"mine": "net/conv/weights"}
    wanted = make_crossing.value_of("net/conv/weights", [3, 2, 2, 3], np.float32)
    np.testing.assert_array_equal(session.run(weights), wanted)


def test_a_misfit_may_be_allowed(session, tmp_path):
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt", classes=7)
    small_net.build(classes=4)
    session.run(tf.global_variables_initializer())
    before = small_net.read(session)
    record = restore(session, prefix, allow_missing=["net/logits"])
    found = {each.name: each for each in record.mismatched}
    assert set(found) == {"net/logits/weights", "net/logits/biases"}
    biases = found["net/logits/biases"]
    assert isinstance(biases, Mismatch)
    assert (str(biases.in_graph), str(biases.in_checkpoint)) == ("[4] float32", "[7] float32")
    assert np.array_equal(
        small_net.read(session)["net/logits/weights"], before["net/logits/weights"]
    )
    assert set(record.restored) == NET - set(found)


FORMATS = [(version, sharded) for version in (1, 2) for sharded in (False, True)]


@pytest.mark.parametrize(("write_version", "sharded"), FORMATS)
@pytest.mark.parametrize("parts_saved", [1, 2])
@pytest.mark.parametrize("parts_wanted", [1, 3])
def test_formats_and_partitions(
    session, variable_kind, tmp_path, write_version, sharded, parts_saved, parts_wanted
):
    """A partitioned variable is whole in a checkpoint: a graph may cut it in another way."""
    import tensorflow.compat.v1 as tf

    table = np.arange(21, dtype=np.float32).reshape(7, 3) + 0.5

    def make(parts):
        return tf.get_variable(
            "table",
            [7, 3],
            partitioner=tf.fixed_size_partitioner(parts) if parts > 1 else None,
            initializer=tf.zeros_initializer(),
        )

    with tf.Graph().as_default(), tf.Session() as other:
        variable = make(parts_saved)
        tf.get_variable("words", initializer=["one", "two"])
        tf.get_variable("flag", initializer=True, trainable=False)
        other.run(tf.global_variables_initializer())
        rows = 0
        for part in list(variable) if parts_saved > 1 else [variable]:
            part.load(table[rows : rows + part.shape[0]], other)
            rows += int(part.shape[0])
        saver = tf.train.Saver(write_version=write_version, sharded=sharded)
        prefix = saver.save(other, str(tmp_path / "model.ckpt"), write_meta_graph=False)
    variable = make(parts_wanted)
    words = tf.get_variable("words", initializer=["", ""])
    flag = tf.get_variable("flag", initializer=False, trainable=False)
    record = restore(session, prefix)
    assert set(record.restored) == {"table", "words", "flag"}
    np.testing.assert_array_equal(session.run(tf.convert_to_tensor(variable)), table)
    assert session.run(words).tolist() == [b"one", b"two"]
    assert bool(session.run(flag))


def test_a_partitioned_variable_in_a_var_list(session, tmp_path):
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt")
    weights = tf.get_variable("w", [3, 2, 2, 3], partitioner=tf.fixed_size_partitioner(2))
    restore(session, prefix, {"net/conv/weights": weights})
    restore(session, prefix, [weights], rename=[("^w$", "net/conv/weights")])
    wanted = make_crossing.value_of("net/conv/weights", [3, 2, 2, 3], np.float32)
    np.testing.assert_array_equal(session.run(tf.convert_to_tensor(weights)), wanted)


def test_one_initial_value_may_serve_two_variables(session, variable_kind, tmp_path):
    """Both initializers take their value from one tensor; they cannot be fed in one run."""
    import tensorflow.compat.v1 as tf

    zeros = tf.zeros([3])
    variables = [tf.Variable(zeros, name=name) for name in ("a", "b", "c")]
    session.run(tf.global_variables_initializer())
    small_net.load(session, variables)
    prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    session.run(tf.global_variables_initializer())
    restore(session, prefix)
    check_values(session, variables)


def test_a_shape_that_the_graph_leaves_open(session, variable_kind, tmp_path):
    import tensorflow.compat.v1 as tf

    value = np.array([[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]], np.float32)
    loose = tf.Variable(tf.placeholder_with_default(value, None), validate_shape=False, name="a")
    session.run(loose.initializer)
    prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    session.run(loose.initializer, {loose.initializer.inputs[1]: [[7.0]]})
    restore(session, prefix)
    np.testing.assert_array_equal(session.run(loose), value)
