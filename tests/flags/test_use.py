"""What the parsed flags become: variables, optimizers, learning rates, restore arguments."""

import numpy as np
import pytest
from absl import flags as absl_flags

from slimfix import flags, slim
from slimfix.errors import CheckpointError, UsageError


def parse(group, *arguments):
    values = absl_flags.FlagValues()
    getattr(flags, "define_" + group + "_flags")(values)
    values(["tool", *arguments])
    return values


def build_net():
    import tensorflow.compat.v1 as tf

    net = tf.placeholder(tf.float32, [None, 3])
    for scope in ("conv1", "conv10", "logits"):
        net = slim.fully_connected(net, 4, normalizer_fn=slim.batch_norm, scope=scope)
    return net


def test_batch_norm_params(graph):
    import tensorflow.compat.v1 as tf

    values = parse("batch_norm", "--batch_norm_decay=0.75", "--batch_norm_epsilon=0.25")
    params = flags.batch_norm_params(values)
    assert params == {"decay": 0.75, "epsilon": 0.25}
    x = tf.constant(np.array([[1.0], [3.0]], np.float32))
    with slim.arg_scope([slim.batch_norm], is_training=True, **params):
        y = slim.batch_norm(x)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    mean = tf.global_variables()[1]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(y)[1], 1 / np.sqrt(1.25), rtol=1e-6)
        session.run(updates)
        np.testing.assert_allclose(session.run(mean), [0.25 * 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    "argument, expected",
    [
        ([], ["conv1/weights", "conv1/BatchNorm/beta", "conv10/weights", "conv10/BatchNorm/beta",
              "logits/weights", "logits/BatchNorm/beta"]),
        (["--trainable_scopes=logits, conv1"], ["conv1/weights", "conv1/BatchNorm/beta",
                                                "logits/weights", "logits/BatchNorm/beta"]),
        (["--trainable_scopes=conv1/weights,conv1"], ["conv1/weights", "conv1/BatchNorm/beta"]),
    ],
)  # fmt: skip
def test_variables_to_train(graph, argument, expected):
    build_net()
    chosen = flags.variables_to_train(parse("fine_tuning", *argument))
    assert [variable.op.name for variable in chosen] == expected


def test_a_scope_to_train_that_holds_nothing_is_refused(graph):
    build_net()
    with pytest.raises(UsageError, match="'conv'; near: 'conv1', 'conv10'"):
        flags.variables_to_train(parse("fine_tuning", "--trainable_scopes=conv"))


def test_untrained_scopes():
    scopes = ["net/conv1/BatchNorm", "net/conv10/BatchNorm", "net/logits"]
    assert flags.untrained_scopes(scopes, parse("fine_tuning")) == []
    values = parse("fine_tuning", "--trainable_scopes=net/conv1,net/logits")
    assert flags.untrained_scopes(scopes, values) == ["net/conv10/BatchNorm"]
    values = parse("fine_tuning", "--trainable_scopes=net/conv1/BatchNorm/beta")
    assert flags.untrained_scopes(scopes, values) == scopes[1:]


def save(prefix, names, **options):
    """Saves variables of the default graph under a prefix and returns it."""
    import tensorflow.compat.v1 as tf

    chosen = [each for each in tf.global_variables() if each.op.name in names]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return tf.train.Saver(chosen).save(session, str(prefix), **options)


def test_restore_options_of_a_checkpoint_that_is_not_there(graph, tmp_path):
    values = parse(
        "checkpoint", f"--checkpoint_path={tmp_path / 'model.ckpt'}", "--ignore_missing_vars"
    )
    with pytest.raises(CheckpointError, match="No checkpoint at prefix"):
        flags.restore_options(values)


def test_restore_options(graph, tmp_path):
    build_net()
    prefix = save(tmp_path / "model", ["conv1/weights", "conv10/weights"])
    values = parse("checkpoint", "--checkpoint_path=" + prefix)
    assert flags.restore_options(values) == {"exclude_scopes": (), "allow_missing": ()}
    values = parse(
        "checkpoint",
        "--checkpoint_path=" + prefix,
        "--checkpoint_exclude_scopes=logits, conv1",
        "--ignore_missing_vars",
    )
    # conv10's statistics are missing as well, and are never allowed to be.
    assert flags.restore_options(values) == {
        "exclude_scopes": ("logits", "conv1"),
        "allow_missing": ("conv10/BatchNorm/beta",),
    }


def test_checkpoint_prefix(graph, tmp_path):
    build_net()
    save(tmp_path / "model", ["conv1/weights"], global_step=3)
    newest = save(tmp_path / "model", ["conv1/weights"], global_step=7)
    for path in (tmp_path, newest):
        values = parse("checkpoint", "--checkpoint_path=" + str(path))
        assert flags.checkpoint_prefix(values) == newest


def test_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError) as error:
        flags.checkpoint_prefix(parse("checkpoint"))
    assert str(error.value) == "No checkpoint is named\nFix: give --checkpoint_path."
    with pytest.raises(CheckpointError, match="No checkpoint in the folder"):
        flags.checkpoint_prefix(parse("checkpoint", "--checkpoint_path=" + str(tmp_path)))


def test_moving_average(graph):
    import tensorflow.compat.v1 as tf

    values = parse("moving_average")
    assert flags.build_moving_average(flag_values=values) is None
    assert flags.values_to_restore(values) == "raw"
    values = parse("moving_average", "--moving_average_decay=0.75")
    assert flags.values_to_restore(values) == "shadow"
    average = flags.build_moving_average(flag_values=values)
    variable = tf.get_variable("v", initializer=2.0)
    applied = average.apply([variable])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(tf.assign(variable, 6.0))
        session.run(applied)
        assert session.run(average.average(variable)) == 0.75 * 2.0 + 0.25 * 6.0


def first_step(name):
    """One step from 0 with the gradient 0.5 and a learning rate of 0.1, by the papers' formulas,
    as TensorFlow starts each accumulator."""
    g, rate, epsilon = 0.5, 0.1, 0.2
    accumulated = 0.05 * g * g  # adadelta's mean of squares, rho 0.95
    ftrl = 0.1 + g * g  # AdaGrad's and FTRL's sum of squares start with 0.1
    return {
        "sgd": -rate * g,
        "momentum": -rate * g,
        "adagrad": -rate * g / np.sqrt(ftrl),
        "ftrl": -(g / (np.sqrt(ftrl) / rate)),
        "adadelta": -rate * g * np.sqrt(epsilon) / np.sqrt(accumulated + epsilon),
        "adam": -rate * np.sqrt(1 - 0.999) / (1 - 0.9) * 0.1 * g
        / (np.sqrt(0.001 * g * g) + epsilon),
        "rmsprop": -rate * g / np.sqrt(0.9 * 1.0 + 0.1 * g * g + epsilon),
    }[name]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["adadelta", "adagrad", "adam", "ftrl", "momentum", "sgd", "rmsprop"]
)
def test_optimizer(graph, name):
    import tensorflow.compat.v1 as tf

    values = parse("optimizer", "--optimizer=" + name, "--opt_epsilon=0.2")
    variable = tf.get_variable("v", initializer=0.0)
    train_op = flags.build_optimizer(0.1, values).minimize(0.5 * variable)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        np.testing.assert_allclose(session.run(variable), first_step(name), rtol=1e-5)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--learning_rate_decay_type=fixed"], 0.5),
        (["--learning_rate_decay_factor=0.25"], 0.5 * 0.25**3),
        (["--learning_rate_decay_type=polynomial", "--end_learning_rate=0.1"], 0.1),
        (
            [
                "--learning_rate_decay_type=polynomial",
                "--end_learning_rate=0.1",
                "--num_epochs_per_decay=4",
            ],
            0.1 + (0.5 - 0.1) * (1 - 35 / 40),
        ),
    ],
)
def test_learning_rate_of_step_35(graph, arguments, expected):
    import tensorflow.compat.v1 as tf

    values = parse("learning_rate", "--learning_rate=0.5", "--num_epochs_per_decay=1", *arguments)
    rate = flags.build_learning_rate(tf.constant(35), 10, values)
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(rate), expected, rtol=1e-6)


def test_clone_devices():
    assert flags.clone_devices(parse("deployment")) == ["/device:GPU:0"]
    values = parse("deployment", "--num_clones=2", "--num_ps_tasks=1", "--task=3")
    assert flags.clone_devices(values) == [
        "/job:worker/task:3/device:GPU:0", "/job:worker/task:3/device:GPU:1"
    ]  # fmt: skip
    assert flags.clone_devices(parse("deployment", "--clone_on_cpu")) == ["/device:CPU:0"]


def test_device_setter(graph):
    import tensorflow.compat.v1 as tf

    assert flags.build_device_setter(parse("deployment")) is None
    values = parse("deployment", "--num_ps_tasks=2", "--task=1")
    with tf.device(flags.build_device_setter(values)):
        variables = [tf.get_variable(name, [2]) for name in ("a", "b")]
        total = tf.add_n(variables)
    assert [each.device for each in variables] == ["/job:ps/task:0", "/job:ps/task:1"]
    assert total.device == "/job:worker/task:1"


def test_synchronise(graph):
    import tensorflow.compat.v1 as tf

    optimizer = tf.train.GradientDescentOptimizer(0.1)
    assert flags.synchronise(optimizer, parse("deployment")) is optimizer
    values = parse("deployment", "--sync_replicas", "--worker_replicas=2")
    assert isinstance(flags.synchronise(optimizer, values), tf.train.SyncReplicasOptimizer)
