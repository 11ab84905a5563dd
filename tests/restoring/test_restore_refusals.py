"""restore: each refusal, its text, and that nothing was changed."""

import numpy as np
import pytest

from slimfix import restore
from slimfix.errors import (
    CheckpointError,
    CheckpointMismatchError,
    RestoreError,
    SaverError,
    UsageError,
)
from tests.graph import small_net


@pytest.fixture
def prefix(tmp_path):
    return small_net.write(tmp_path / "model.ckpt")


def refusal(session, error, *args, **kwargs):
    """Calls restore; returns the text of its error, once it is sure that nothing was changed."""
    import tensorflow.compat.v1 as tf

    session.run(tf.global_variables_initializer())
    before = small_net.read(session)
    with pytest.raises(error) as caught:
        restore(session, *args, **kwargs)
    assert small_net.same(before, small_net.read(session))
    return str(caught.value)


def test_missing(session, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build()
    tf.get_variable("net/conv/weight", [3])
    assert refusal(session, CheckpointMismatchError, prefix) == (
        f"Cannot restore 1 of 7 variables from checkpoint prefix '{prefix}'; nothing was changed:\n"
        "  'net/conv/weight': [3] float32 in the graph; not in the checkpoint; "
        "near: 'net/conv/weights', 'net/logits/weights'\n"
        "Likely cause: the checkpoint is of another network, or of another version of this one.\n"
        "Fix: name what may stay as it is in exclude_scopes or allow_missing, or give the "
        "checkpoint's names with rename."
    )


def test_other_shape(session, prefix):
    small_net.build(classes=7)
    assert refusal(session, CheckpointMismatchError, prefix) == (
        f"Cannot restore 2 of 6 variables from checkpoint prefix '{prefix}'; nothing was changed:\n"
        "  'net/logits/weights': [45,7] float32 in the graph; [45,4] float32 in the checkpoint\n"
        "  'net/logits/biases': [7] float32 in the graph; [4] float32 in the checkpoint\n"
        "Likely cause: the graph was built for another num_classes, or with another depth or "
        "kernel size.\n"
        "Fix: to train these layers anew, restore with exclude_scopes=['net/logits']."
    )


def test_other_dtype(session, prefix):
    import tensorflow.compat.v1 as tf

    tf.get_variable("net/logits/biases", [4], tf.float64)
    text = refusal(session, CheckpointMismatchError, prefix)
    assert "'net/logits/biases': [4] float64 in the graph; [4] float32 in the checkpoint" in text
    assert "the checkpoint's network was built with float32 variables" in text


def test_an_entry_that_covers_nothing(session, prefix):
    small_net.build()
    text = refusal(session, UsageError, prefix, exclude_scopes=["net/logits", "net/con"])
    assert text.startswith(
        "1 of 2 entries of exclude_scopes covers no variable:\n"
        "  'net/con'; near: 'net/conv', 'net/conv/weights', 'net'\n"
    )
    text = refusal(session, UsageError, prefix, allow_missing="logits")
    assert "1 of 1 entry of allow_missing" in text
    assert "near: 'net/logits'" in text


def test_a_rule_that_changes_nothing(session, prefix):
    small_net.build()
    text = refusal(session, UsageError, prefix, rename=[("^ent/", "net/")])
    assert "1 of 1 rules of rename change no name:\n  '^ent/' -> 'net/'\n" in text


@pytest.mark.parametrize("rule", [("(", "a"), ("net", r"\2")])
def test_a_rule_that_is_no_regular_expression(session, prefix, rule):
    small_net.build()
    text = refusal(session, UsageError, prefix, rename=[rule])
    assert f"'{rule[0]}' -> '{rule[1]}', which is no regular expression" in text


def test_two_variables_for_one_name(session, prefix):
    small_net.build(scope="net")
    small_net.build(scope="net_b")
    text = refusal(session, UsageError, prefix, rename=[("^net_b/", "net/")])
    assert text.startswith("6 names of the checkpoint would go to several variables each:")
    assert "  'net/conv/weights': 'net/conv/weights', 'net_b/conv/weights'\n" in text


def test_rules_with_a_dict(session, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build()
    by_name = {each.op.name: each for each in tf.global_variables()}
    text = refusal(session, UsageError, prefix, by_name, rename=[("^net/", "")])
    assert "takes no rename with a dict" in text


def test_two_names_for_one_variable(session, prefix):
    import tensorflow.compat.v1 as tf

    a = tf.get_variable("a", [4])
    text = refusal(session, UsageError, prefix, {"net/logits/biases": a, "b": a})
    assert text.startswith("var_list gives two names for 'a':")


def test_a_var_list_without_the_statistics_of_its_layers(session, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build()
    text = refusal(session, SaverError, prefix, tf.trainable_variables())
    assert text.startswith(
        "restore() would leave out 2 of 2 batch-norm statistics of layers that it restores:\n"
        "  'net/conv/BatchNorm/moving_mean': of 'net/conv/BatchNorm'\n"
    )
    record = restore(
        session,
        prefix,
        tf.trainable_variables(),
        exclude_scopes=["net/conv/BatchNorm/moving_mean", "net/conv/BatchNorm/moving_variance"],
    )
    assert len(record.restored) == 4


def test_a_statistic_in_no_collection(session, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build()
    for key in (tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MODEL_VARIABLES):
        held = tf.get_collection_ref(key)
        held[:] = [each for each in held if "moving_mean" not in each.name]
    text = refusal(session, SaverError, prefix)
    assert "leave out 1 of 2 batch-norm statistics" in text


def test_a_lookup_table(session, prefix):
    import tensorflow.compat.v1 as tf

    table = tf.lookup.experimental.DenseHashTable(
        tf.string, tf.int64, default_value=-1, empty_key="", deleted_key="$", name="words"
    )
    assert table is not None
    small_net.build()
    text = refusal(session, UsageError, prefix)
    assert "restore() cannot fill 1 saveable objects that are no variables:\n  'words'\n" in text
    assert len(restore(session, prefix, exclude_scopes="words").restored) == 6


def test_nothing_to_restore(session, prefix):
    with pytest.raises(UsageError, match="0 variables in the session's graph, 0 of them excluded"):
        restore(session, prefix)
    small_net.build()
    text = refusal(session, UsageError, prefix, exclude_scopes="net")
    assert "6 variables in the session's graph, 6 of them excluded" in text


def test_no_checkpoint(session, prefix):
    small_net.build()
    assert "No checkpoint at prefix" in refusal(session, CheckpointError, prefix + "-2")


def test_a_damaged_data_file(session, prefix):
    """One wrong bit in the last variable: found before the first one changes."""
    path = prefix + ".data-00000-of-00001"
    with open(path, "r+b") as file:
        content = bytearray(file.read())
        content[-3] ^= 16
        file.seek(0)
        file.write(content)
    small_net.build()
    assert "Cannot read variable" in refusal(session, CheckpointError, prefix)


class FailsOnce:
    """A session whose n-th assigning run fails after it has assigned."""

    def __init__(self, session, failing):
        self.graph = session.graph
        self.session = session
        self.failing = failing

    def run(self, fetches, feed_dict=None):
        result = self.session.run(fetches, feed_dict)
        if feed_dict:
            self.failing -= 1
            if self.failing == 0:
                raise MemoryError("no room\non this device")
        return result


def test_a_failing_assignment_is_undone(session, variable_kind, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build()
    session.run(tf.global_variables_initializer())
    before = small_net.read(session)
    with pytest.raises(RestoreError) as error:
        restore(FailsOnce(session, 1), prefix)
    assert small_net.same(before, small_net.read(session))
    assert str(error.value) == (
        "Could not assign 6 variables; 6 have their old values back, 0 had none:\n"
        "  MemoryError: no room\n"
        "Likely cause: the device ran out of memory, or a worker was lost.\n"
        "Fix: restore in a new session."
    )


def test_the_failing_session_fails_after_it_has_assigned(session, prefix):
    """Without the way back, the test above would see new values."""
    import tensorflow.compat.v1 as tf

    small_net.build()
    session.run(tf.global_variables_initializer())
    before = small_net.read(session)
    variable = tf.global_variables()[0]
    feed = {variable.initializer.inputs[1]: small_net.value_of(variable)}
    with pytest.raises(MemoryError):
        FailsOnce(session, 1).run(variable.initializer, feed)
    assert not small_net.same(before, small_net.read(session))


@pytest.mark.parametrize("finalized", [False, True])
def test_what_had_no_value_stays_out_of_the_way_back(session, variable_kind, prefix, finalized):
    import tensorflow.compat.v1 as tf

    small_net.build()
    biases = tf.global_variables("net/logits/biases")[0]
    session.run(biases.initializer, {biases.initializer.inputs[1]: [1.5, 2.5, 3.5, 4.5]})
    if finalized:
        session.graph.finalize()
    with pytest.raises(RestoreError, match="1 have their old values back, 5 had none"):
        restore(FailsOnce(session, 1), prefix)
    np.testing.assert_array_equal(session.run(biases), [1.5, 2.5, 3.5, 4.5])


def test_a_second_restore_adds_no_op(session, variable_kind, prefix):
    small_net.build()
    restore(session, prefix)
    number = len(session.graph.get_operations())
    restore(session, prefix)
    assert len(session.graph.get_operations()) == number


def test_an_initializer_that_takes_no_value(session, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build()
    variable = tf.global_variables()[0]

    class Odd(type(variable)):
        @property
        def initializer(self):
            return tf.no_op("odd")

    variable.__class__ = Odd
    with pytest.raises(UsageError, match="'net/conv/weights': its initializer is a NoOp"):
        restore(session, prefix)


def test_one_rule_in_place_of_a_list_of_rules():
    from slimfix.restoring.restore_plan import rename_keys

    with pytest.raises(UsageError, match="rename is no list of pairs"):
        rename_keys(["encoder/weights"], ("^encoder/", "net/"))
