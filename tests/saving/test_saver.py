"""build_saver: every moving statistic is in the checkpoint, or there is no Saver."""

import numpy as np
import pytest

from slimfix import build_saver, slim
from slimfix.errors import SaverError

STATISTICS = {
    "plain/moving_mean",
    "plain/moving_variance",
    "debiased/moving_mean",
    "debiased/moving_variance",
    "debiased/debiased/moving_mean/biased",
    "debiased/debiased/moving_mean/local_step",
    "renormed/moving_mean",
    "renormed/moving_variance",
    "renormed/moving_stddev",
    "renormed/renorm_mean",
    "renormed/renorm_stddev",
}


@pytest.fixture
def net(graph):
    """Three batch norms, one of each set of variables, and an optimizer."""
    import tensorflow.compat.v1 as tf

    y = tf.placeholder(tf.float32, [None, 6], name="x")
    y = slim.batch_norm(y, scope="plain")
    y = slim.batch_norm(y, scope="debiased", zero_debias_moving_mean=True)
    y = slim.batch_norm(y, scope="renormed", renorm=True)
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(y))
    return graph


def by_name(names):
    import tensorflow.compat.v1 as tf

    return [each for each in tf.global_variables() if each.op.name in names]


def save(saver, prefix):
    """Saves distinct values; returns (what was saved, what the checkpoint holds), by name."""
    import tensorflow.compat.v1 as tf

    with tf.Session() as session:
        for index, variable in enumerate(tf.global_variables()):
            size = int(np.prod(variable.shape.as_list()))
            variable.load(np.arange(size).reshape(variable.shape) + 7.5 * index, session)
        values = session.run({each.op.name: each for each in tf.global_variables()})
        reader = tf.train.load_checkpoint(saver.save(session, prefix))
    return values, {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def test_default_holds_everything(net, variable_kind, tmp_path):
    values, stored = save(build_saver(), str(tmp_path / "model.ckpt"))
    assert set(values) > STATISTICS
    assert set(stored) == set(values)
    for name, value in values.items():
        np.testing.assert_array_equal(stored[name], value, err_msg=name)


def test_default_holds_model_variables_that_are_not_global(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    keys = [tf.GraphKeys.MODEL_VARIABLES]
    hidden = tf.get_variable("table", initializer=[1.5, 2.5], collections=keys)
    with tf.Session() as session:
        session.run(hidden.initializer)
        prefix = build_saver().save(session, str(tmp_path / "model.ckpt"))
    assert [name for name, _ in tf.train.list_variables(prefix)] == ["table"]


def test_a_list_with_every_statistic_will_do(net, tmp_path):
    _, stored = save(build_saver(by_name(STATISTICS)), str(tmp_path / "model.ckpt"))
    assert set(stored) == STATISTICS


def test_a_dict_may_use_other_names(net, tmp_path):
    renamed = {"old/" + each.op.name: each for each in by_name(STATISTICS)}
    values, stored = save(build_saver(renamed), str(tmp_path / "model.ckpt"))
    assert set(stored) == set(renamed)
    np.testing.assert_array_equal(stored["old/plain/moving_mean"], values["plain/moving_mean"])


def test_other_arguments_reach_the_saver(net, tmp_path):
    assert build_saver(max_to_keep=3).saver_def.max_to_keep == 3
    assert build_saver(sharded=True).saver_def.sharded


def test_tensorflow_itself_loses_the_statistics(net, tmp_path):
    """What the refusals below are for."""
    import tensorflow.compat.v1 as tf

    _, stored = save(tf.train.Saver(tf.trainable_variables()), str(tmp_path / "model.ckpt"))
    assert not STATISTICS & set(stored)


def test_refuses_trainable_variables(net):
    import tensorflow.compat.v1 as tf

    with pytest.raises(SaverError) as error:
        build_saver(tf.trainable_variables())
    text = str(error.value)
    assert text.startswith("The Saver would leave out 11 of 11 batch-norm statistics:")
    assert "\n  'renormed/renorm_stddev': of 'renormed'\n" in text
    assert all(f"'{name}'" in text for name in STATISTICS)
    assert "Likely cause: moving statistics are not trainable" in text
    assert "Fix: call build_saver() without var_list" in text


@pytest.mark.parametrize("missing", sorted(STATISTICS))
@pytest.mark.parametrize("form", [list, dict])
def test_refuses_any_statistic_left_out(net, form, missing):
    variables = by_name(STATISTICS - {missing})
    if form is dict:
        variables = {each.op.name: each for each in variables}
    with pytest.raises(SaverError, match="leave out 1 of 11") as error:
        build_saver(variables)
    assert f"'{missing}'" in str(error.value)


def test_a_statistic_in_no_collection_is_missed(graph):
    import tensorflow.compat.v1 as tf

    mean = tf.get_variable("hidden/a", [5], collections=["nowhere"], trainable=False)
    variance = tf.get_variable("hidden/b", [5], collections=["nowhere"], trainable=False)
    x = tf.placeholder(tf.float32, [None, 3, 2, 5])
    tf.nn.fused_batch_norm(x, tf.ones([5]), tf.zeros([5]), mean, variance, is_training=False)
    with pytest.raises(SaverError, match="'hidden/a': of 'hidden'"):
        build_saver()
    build_saver([mean, variance])
