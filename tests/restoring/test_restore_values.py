"""restore: which of raw value and shadow is the model must be said, and is then what is read."""

import make_crossing
import numpy as np
import pytest

from slimfix import restore
from slimfix.errors import CheckpointMismatchError, UsageError
from tests.graph import small_net

SHADOW = "/ExponentialMovingAverage"
WEIGHTS = {
    "net/conv/weights",
    "net/conv/BatchNorm/beta",
    "net/logits/weights",
    "net/logits/biases",
}
STATISTICS = {"net/conv/BatchNorm/moving_mean", "net/conv/BatchNorm/moving_variance"}


@pytest.fixture
def prefix(tmp_path):
    return small_net.write(tmp_path / "model.ckpt", shadows=True)


def check(session, keys):
    """The session holds, under each name, what the checkpoint holds under that key."""
    import tensorflow.compat.v1 as tf

    found = small_net.read(session)
    assert set(found) == set(keys)
    for variable in tf.global_variables():
        wanted = make_crossing.value_of(
            keys[variable.op.name], variable.shape.as_list(), np.float32
        )
        np.testing.assert_array_equal(found[variable.op.name], wanted, err_msg=variable.op.name)


def test_both_and_no_choice(session, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build()
    session.run(tf.global_variables_initializer())
    before = small_net.read(session)
    with pytest.raises(CheckpointMismatchError) as error:
        restore(session, prefix)
    assert small_net.same(before, small_net.read(session))
    lines = str(error.value).splitlines()
    assert lines[0] == f"Checkpoint prefix '{prefix}' holds two values for 4 of 6 variables:"
    assert f"  'net/conv/weights' (raw), 'net/conv/weights{SHADOW}' (shadow)" in lines
    assert lines[-1] == "Fix: say values='shadow' or values='raw'."


def test_raw(session, prefix):
    small_net.build()
    record = restore(session, prefix, values="raw")
    check(session, {name: name for name in WEIGHTS | STATISTICS})
    assert record.raw == ()
    assert set(record.unused) == {name + SHADOW for name in WEIGHTS}


def test_shadow(session, prefix):
    """Moving statistics have no shadow; the record says that they are raw."""
    small_net.build()
    record = restore(session, prefix, values="shadow")
    keys = {**{name: name + SHADOW for name in WEIGHTS}, **{name: name for name in STATISTICS}}
    check(session, keys)
    assert record.restored == keys
    assert set(record.raw) == STATISTICS
    assert set(record.unused) == WEIGHTS


def test_shadows_under_another_scope(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt", scope="old", shadows=True)
    small_net.build()
    record = restore(session, prefix, rename=[("^net/", "old/")], values="shadow")
    assert record.restored["net/conv/weights"] == "old/conv/weights" + SHADOW


def test_a_graph_with_shadows_resumes(session, prefix):
    """Its shadows are variables of their own: every one gets its own value, and no question."""
    small_net.build(shadows=True)
    record = restore(session, prefix)
    names = WEIGHTS | STATISTICS | {name + SHADOW for name in WEIGHTS}
    check(session, {name: name for name in names})
    assert record.raw == ()


def test_a_graph_with_shadows_may_take_them_for_the_weights(session, prefix):
    small_net.build(shadows=True)
    restore(session, prefix, values="shadow")
    shadows = {name + SHADOW for name in WEIGHTS}
    keys = {name: name for name in STATISTICS | shadows}
    check(session, {**keys, **{name: name + SHADOW for name in WEIGHTS}})


def test_a_checkpoint_without_shadows(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt")
    small_net.build()
    with pytest.raises(CheckpointMismatchError, match="holds no shadow of any of 6 variables"):
        restore(session, prefix, values="shadow")
    assert restore(session, prefix, values="raw").raw == ()


def test_a_dict_says_it_by_its_names(session, prefix):
    """As the dict of ExponentialMovingAverage.variables_to_restore() does."""
    import tensorflow.compat.v1 as tf

    small_net.build()
    averages = tf.train.ExponentialMovingAverage(0.9).variables_to_restore()
    record = restore(session, prefix, averages)
    keys = {**{name: name + SHADOW for name in WEIGHTS}, **{name: name for name in STATISTICS}}
    assert record.restored == keys
    check(session, keys)
    raw = {each.op.name: each for each in tf.global_variables()}
    assert set(restore(session, prefix, raw).restored.values()) == WEIGHTS | STATISTICS


def test_another_word(session, prefix):
    small_net.build()
    with pytest.raises(UsageError, match=r"^values is 'ema'"):
        restore(session, prefix, values="ema")


def test_shadows_of_another_scope(session, tmp_path):
    """They are there, and the rule that finds them is what the user needs."""
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(tmp_path / "model.ckpt", shadows=True)
    tf.get_variable("conv/weights", [2])
    with pytest.raises(CheckpointMismatchError) as error:
        restore(session, prefix, values="shadow")
    text = str(error.value)
    assert "values='shadow' asks for them; it holds 4 others:" in text
    assert f"  'net/conv/weights{SHADOW}'" in text
    assert "Fix: give rules with rename" in text
