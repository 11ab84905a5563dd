"""restore in the sessions of TensorFlow 1: finalized graphs, Scaffolds, hooks."""

import numpy as np
import pytest

from slimfix import build_saver, restore, slim, verify_checkpoint
from tests.graph import small_net


@pytest.fixture
def prefix(tmp_path):
    return small_net.write(tmp_path / "pretrained.ckpt", classes=7)


def conv_variables():
    import tensorflow.compat.v1 as tf

    return tf.global_variables("net/conv/")


def check(session, variables):
    for variable, value in zip(variables, session.run(variables)):
        np.testing.assert_array_equal(value, small_net.value_of(variable))


@pytest.mark.parametrize("initialized", [True, False])
def test_a_finalized_graph(graph, variable_kind, prefix, initialized):
    import tensorflow.compat.v1 as tf

    small_net.build(classes=7)
    init = tf.global_variables_initializer()
    graph.finalize()
    with tf.Session() as session:
        if initialized:
            session.run(init)
        restore(session, prefix)
        check(session, tf.global_variables())


def test_scaffold_with_init_fn(graph, variable_kind, prefix, tmp_path):
    """Fine-tuning: what is left out keeps its initial value, and the step begins at 0."""
    import tensorflow.compat.v1 as tf

    _, train = small_net.build(classes=4, optimizer=True)
    records = []

    def init_fn(scaffold, session):
        records.append(
            restore(
                session, prefix, exclude_scopes=["net/logits"], optimizer_slots=False, step=False
            )
        )
        check(session, conv_variables()[:4])

    folder = str(tmp_path / "run")
    scaffold = tf.train.Scaffold(init_fn=init_fn)
    with tf.train.MonitoredTrainingSession(checkpoint_dir=folder, scaffold=scaffold) as session:
        session.run(train)
    assert len(records) == 1
    assert set(records[0].restored) == {
        "net/conv/weights",
        "net/conv/BatchNorm/beta",
        "net/conv/BatchNorm/moving_mean",
        "net/conv/BatchNorm/moving_variance",
    }
    assert set(records[0].unused) == {"net/logits/weights", "net/logits/biases"}


class CountRuns:
    """A hook's count of session.run calls."""

    def __new__(cls):
        import tensorflow.compat.v1 as tf

        class Hook(tf.train.SessionRunHook):
            runs = 0

            def before_run(self, run_context):
                self.runs += 1

        return Hook()


def test_a_monitored_session_calls_no_hook(graph, variable_kind, prefix):
    import tensorflow.compat.v1 as tf

    small_net.build(classes=7)
    hook = CountRuns()
    variables = tf.global_variables()
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        restore(session, prefix)
        proof = verify_checkpoint(prefix, session=session)
        assert hook.runs == 0
        check(session, variables)
        assert hook.runs == 1
    assert proof.values_compared


def test_slim_learning_train(graph, variable_kind, prefix, tmp_path):
    """In the place of slim.assign_from_checkpoint_fn, and its step counts from 0."""
    import tensorflow.compat.v1 as tf

    net, _ = small_net.build(classes=4)
    loss = tf.reduce_sum(net)
    train_op = slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.0, 0.9))
    variables = conv_variables()
    found = []

    def init_fn(session):
        restore(session, prefix, exclude_scopes="net/logits", optimizer_slots=False, step=False)
        check(session, variables[:4])
        found.append(session.run(tf.train.get_global_step()))

    slim.learning.train(
        train_op,
        str(tmp_path / "run"),
        init_fn=init_fn,
        number_of_steps=2,
        summary_op=None,
        save_summaries_secs=0,
        save_interval_secs=0,
        saver=build_saver(read_back=True),
    )
    assert found == [0]
    assert tf.train.latest_checkpoint(str(tmp_path / "run")).endswith("-2")


def test_an_estimator(prefix, tmp_path):
    """tf.estimator builds its own graph, finalizes it, calls init_fn; TensorFlow 2.16 has none."""
    import tensorflow.compat.v1 as tf

    if not hasattr(tf, "estimator"):
        assert tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16)
        return
    records = []

    def model_fn(features, labels, mode):
        net, train = small_net.build(classes=4, optimizer=True)

        def init_fn(scaffold, session):
            records.append(
                restore(
                    session,
                    prefix,
                    exclude_scopes=["net/logits"],
                    optimizer_slots=False,
                    step=False,
                )
            )

        return tf.estimator.EstimatorSpec(
            mode,
            loss=tf.reduce_sum(net),
            train_op=train[0],
            scaffold=tf.train.Scaffold(init_fn=init_fn),
        )

    estimator = tf.estimator.Estimator(model_fn, str(tmp_path / "run"))
    estimator.train(lambda: tf.data.Dataset.from_tensors((1.0, 1.0)).repeat(), steps=2)
    assert len(records) == 1
    assert len(records[0].restored) == 4
    assert estimator.get_variable_value("global_step") == 2
