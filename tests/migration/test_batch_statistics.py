"""Every way to write batch norm by the batch's own moments, kept so: proved, and run beside."""

import numpy as np
import pytest

from slimfix.errors import CheckpointMismatchError, MigrationError, UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.network.sources import Source
from slimfix.parity import Level, diff_parity


def slim_norm(x, **arguments):
    from slimfix import slim

    return slim.batch_norm(x, is_training=True, scope="bn", **arguments)


def flat(x, **arguments):
    from slimfix import slim

    return slim_norm(slim.flatten(x), **arguments)


def channels_first(x):
    import tensorflow.compat.v1 as tf

    y = slim_norm(tf.transpose(x, [0, 3, 1, 2]), scale=True, data_format="NCHW")
    return tf.transpose(y, [0, 2, 3, 1])


def by_moments(x, keep_dims=False):
    import tensorflow.compat.v1 as tf

    mean, variance = tf.nn.moments(x, [0, 1, 2], keep_dims=keep_dims)
    offset, scale = (tf.get_variable(name, [3]) for name in ("offset", "scale"))
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-5)


def textbook(x):
    import tensorflow.compat.v1 as tf

    mean, variance = tf.nn.moments(x, [0, 1, 2])
    return (x - mean) / tf.sqrt(variance + 0.01) * tf.get_variable("scale", [3])


def textbook_rsqrt(x):
    import tensorflow.compat.v1 as tf

    mean, variance = tf.nn.moments(x, [0, 1, 2])
    return tf.rsqrt(variance + 0.01) * (x - mean)


def fused_alone(x):
    import tensorflow.compat.v1 as tf

    offset, scale = (tf.get_variable(name, [3]) for name in ("offset", "scale"))
    return tf.nn.fused_batch_norm(x, scale, offset, epsilon=0.02, is_training=True)[0]


FORMS = {
    "fused": lambda x: slim_norm(x, scale=True),
    "fused without parameters": lambda x: slim_norm(x, center=False),
    "written out": lambda x: slim_norm(x, fused=False, scale=True),
    "written out, beta alone": lambda x: slim_norm(x, fused=False),
    "updated at once": lambda x: slim_norm(x, updates_collections=None),
    "debiased": lambda x: slim_norm(x, zero_debias_moving_mean=True),
    "flat": flat,
    "flat, written out": lambda x: flat(x, fused=False),
    "channels first": channels_first,
    "moments": by_moments,
    "moments, axes kept": lambda x: by_moments(x, keep_dims=True),
    "textbook": textbook,
    "textbook, rsqrt": textbook_rsqrt,
    "fused alone": fused_alone,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [(6, 5), (None, None)])
def test_it_is_kept_and_proved(graph, saved, form, sizes):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    if form.startswith("flat") and None in sizes:
        pytest.skip("of unknown size when flat")
    x = tf.placeholder(tf.float32, [None, *sizes, 3], name="x")
    output = FORMS[form](slim.conv2d(x, 3, [2, 3], scope="conv"))
    prefix = saved()
    migration = convert(Source(prefix, batch_norm="batch"), inputs="x:0", outputs=output.name)
    assert [r.target for r in migration.plan.layers].count("layers.GroupNormalization") == 1
    result = diff_parity(migration.model, migration, levels=list(Level), steps=2)
    assert result.passed, (result.unequal, result.first_difference)
    for size in (1, 4):
        batch = np.random.default_rng(size).normal(size=(size, 6, 5, 3)).astype(np.float32)
        with tf.Session() as session:
            tf.train.Saver().restore(session, prefix)
            wanted = session.run(output, {x: batch})
        found = run_eagerly(migration.model, batch)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: slim_norm(x, renorm=True),
        lambda x: slim_norm(x, batch_weights=np.float32([0.5, 1.0, 2.0])),
    ],
)
def test_other_statistics_of_the_batch_are_refused(graph, saved, form):
    """They are no mean and variance of it."""
    import tensorflow.compat.v1 as tf

    output = form(tf.placeholder(tf.float32, [3, 6, 5, 3], name="x"))
    with pytest.raises(UnsupportedOpError):
        convert(Source(saved(), batch_norm="batch"), inputs="x:0", outputs=output.name)


@pytest.mark.parametrize("form", ["moments", "textbook", "fused alone"])
def test_without_moving_statistics_the_error_shows_the_way(graph, saved, form):
    import tensorflow.compat.v1 as tf

    output = FORMS[form](tf.placeholder(tf.float32, [None, 6, 5, 3], name="x"))
    prefix = saved()
    with pytest.raises(MigrationError, match="take the graph as it was saved, with batch_norm='ba"):
        convert(prefix, inputs="x:0", outputs=output.name)
    convert(Source(prefix, batch_norm="batch"), inputs="x:0", outputs=output.name)


@pytest.mark.parametrize("is_training", [True, None])
def test_a_train_op_that_never_updated_shows_the_way_too(graph, tmp_path, is_training):
    """pix2pix trains so. Where a switch decides there is nothing to keep."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 3], name="x")
    switch = tf.placeholder(tf.bool, [], name="switch") if is_training is None else is_training
    output = slim.batch_norm(slim.conv2d(x, 4, 3, scope="conv"), is_training=switch, scope="bn")
    tf.train.AdamOptimizer().minimize(tf.reduce_mean(output))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(CheckpointMismatchError, match="were never updated") as caught:
        convert(prefix, inputs="x:0", outputs=output.name)
    assert ("batch_norm='batch' (--batch_norm=batch)" in str(caught.value)) == bool(is_training)
    if is_training:
        convert(Source(prefix, batch_norm="batch"), inputs="x:0", outputs=output.name)


def test_a_checkpoint_without_moving_statistics(graph, tmp_path):
    """A Saver of what is trained leaves them out, and nothing reads them."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6, 5, 3], name="x")
    output = slim_norm(x, fused=False, scale=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(tf.trainable_variables())
        prefix = saver.save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(MigrationError, match="bn/moving_mean"):
        convert(Source(prefix, batch_norm="moving"), inputs="x:0", outputs=output.name)
    migration = convert(Source(prefix, batch_norm="batch"), inputs="x:0", outputs=output.name)
    assert diff_parity(migration.model, migration).passed
    assert "bn: its moving statistics are not in the checkpoint" in migration.notes
