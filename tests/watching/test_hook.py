"""BatchNormHook: training that keeps its statistics passes, and every fault ends it."""

import glob
import os

import numpy as np
import pytest

from slimfix import BatchNormHook, create_train_op, find_batch_norm_layers, slim
from slimfix.errors import StatisticsError, UpdateOpsError, UsageError

RANDOM = np.random.RandomState(5)
BATCHES = RANDOM.normal(1.5, 2.0, size=(8, 7, 6)).astype(np.float32)
WEIGHTS = np.linspace(-0.9, 1.1, 24).reshape(6, 4).astype(np.float32)
DECAY = 0.75
EPSILON = 0.001


def build_net(is_training=True, scope="net", **arguments):
    """Returns (x, loss): a dense layer of known weights, batch norm, and a loss."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name=scope + "_x")
    y = slim.fully_connected(
        x,
        4,
        weights_initializer=tf.constant_initializer(WEIGHTS),
        normalizer_fn=slim.batch_norm,
        normalizer_params=dict({"is_training": is_training, "decay": DECAY}, **arguments),
        activation_fn=tf.sigmoid,
        scope=scope,
    )
    return x, tf.reduce_mean(tf.square(y - 0.3))


def layer_on_variables(x, **arguments):
    """Returns a function of is_training; its variables are made outside of any branch."""
    import tensorflow.compat.v1 as tf

    with tf.variable_scope("bn"):
        for name, value in (("beta", 0.0), ("moving_mean", 0.0), ("moving_variance", 1.0)):
            start = tf.constant_initializer(value)
            tf.get_variable(name, [6], initializer=start, trainable=name == "beta")

    def normalise(is_training):
        return slim.batch_norm(
            x, is_training=is_training, decay=DECAY, scope="bn", reuse=True, **arguments
        )

    return normalise


def sgd(rate=0.5):
    import tensorflow.compat.v1 as tf

    return tf.train.GradientDescentOptimizer(rate)


def lossy_train_op(loss):
    """What people write: the update ops are left out."""
    import tensorflow.compat.v1 as tf

    return sgd().minimize(loss, tf.train.get_or_create_global_step())


def session_with(*hooks):
    import tensorflow.compat.v1 as tf

    return tf.train.MonitoredSession(hooks=hooks)


def train(hook, x, train_op, batches=BATCHES):
    """Takes a step for each batch; what the hook raises passes through."""
    with session_with(hook) as session:
        for batch in batches:
            session.run(train_op, {x: batch})


def fault(hook, x, train_op, batches=BATCHES):
    """Returns the text of the error that ends the training."""
    with pytest.raises(StatisticsError) as error:
        train(hook, x, train_op, batches)
    assert isinstance(error.value, UpdateOpsError)
    return str(error.value)


def variable_named(name):
    import tensorflow.compat.v1 as tf

    return next(each for each in tf.global_variables() if each.op.name == name)


def assigning(train_op, variable, value):
    """Returns an op that takes a step and then assigns a variable."""
    import tensorflow.compat.v1 as tf

    with tf.control_dependencies([train_op]):
        return tf.assign(variable_named(variable), value).op


def updates_of(scope):
    import tensorflow.compat.v1 as tf

    return tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope + "/")


class RunFirst:
    """A hook that runs an op when the session was created."""

    def __init__(self, op):
        self.op = op

    def begin(self):
        pass

    def after_create_session(self, session, coord):
        session.run(self.op)

    def before_run(self, run_context):
        pass

    def after_run(self, run_context, run_values):
        pass

    def end(self, session):
        pass


def run_hooked(session, hook, fetches, feed):
    """One run as MonitoredSession makes it, in a session that is none."""
    import tensorflow.compat.v1 as tf

    arguments = tf.train.SessionRunArgs(fetches, feed)
    context = tf.train.SessionRunContext(arguments, session)
    asked = hook.before_run(context)
    results = session.run([fetches, asked.fetches if asked else ()], feed)[1]
    hook.after_run(context, tf.train.SessionRunValues(results, None, None))


def watched(hook, monkeypatch):
    """Returns a list that gets what each run is asked for by the hook."""
    asked = []
    original = hook.before_run

    def before_run(run_context):
        asked.append(original(run_context))
        return asked[-1]

    monkeypatch.setattr(hook, "before_run", before_run)
    return asked


# Training that keeps its statistics.


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"zero_debias_moving_mean": True},
        {"renorm": True},
        {"updates_collections": None},
        {"fused": False},
        {"batch_weights": np.linspace(0.4, 2.3, 7).astype(np.float32)},
    ],
    ids=lambda arguments: "".join(arguments) or "default",
)
def test_good_training_passes(graph, variable_kind, tmp_path, arguments):
    x, loss = build_net(**arguments)
    hook = BatchNormHook(check_steps=3, summary_steps=2, summary_dir=str(tmp_path))
    train(hook, x, create_train_op(loss, sgd()))


def test_is_a_hook_of_tensorflow():
    import tensorflow.compat.v1 as tf

    assert isinstance(BatchNormHook(), tf.train.SessionRunHook)


def test_most_steps_fetch_nothing(graph, variable_kind, monkeypatch):
    x, loss = build_net()
    train_op = create_train_op(loss, sgd())
    hook = BatchNormHook(check_steps=3)
    asked = watched(hook, monkeypatch)
    train(hook, x, train_op)
    assert [args is not None for args in asked] == [True, False, False] * 2 + [True, False]


def test_evaluation_in_between_is_not_read_again_and_again(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [])
    x, loss = build_net(is_training)
    train_op = create_train_op(loss, sgd())
    hook = BatchNormHook(check_steps=10)
    hook.begin()
    reads = []
    original = hook._read_now
    hook._read_now = lambda session: reads.append(1) or original(session)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        hook.after_create_session(session, None)
        run_hooked(session, hook, train_op, {x: BATCHES[0], is_training: True})
        for _ in range(50):
            run_hooked(session, hook, loss, {x: BATCHES[0], is_training: False})
    assert len(reads) == 1 + 5


@pytest.mark.parametrize("device", ["", "/job:ps/task:1"])
def test_begin_adds_reads_and_nothing_else(graph, variable_kind, device):
    import tensorflow.compat.v1 as tf

    with tf.device(device):
        _, loss = build_net()
    create_train_op(loss, sgd())
    before = len(graph.get_operations())
    with tf.device("/job:worker/task:3"):
        BatchNormHook(check_steps=2).begin()
    added = [(op.type, op.device) for op in graph.get_operations()[before:]]
    assert added == ([] if variable_kind == "ref" else [("ReadVariableOp", device)] * 2)


def test_a_dead_layer_passes_and_a_settled_one(graph, variable_kind):
    """Of input 0 the mean stays 0 while the variance decays; from a variance of 0 nothing moves."""
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    train_op = create_train_op(loss, sgd(0.0))
    zeros = np.zeros_like(BATCHES)
    train(BatchNormHook(check_steps=3), x, train_op, zeros)
    variance = variable_named("net/BatchNorm/moving_variance")
    settle = tf.assign(variance, tf.zeros([4]))
    hook = BatchNormHook(check_steps=3)
    with session_with(RunFirst(settle), hook) as session:
        for batch in zeros:
            session.run(train_op, {x: batch})
        assert not session.run(variance).any()
    text = fault(BatchNormHook(check_steps=3), x, lossy_train_op(loss), zeros)
    assert "moving_variance did not move" in text and "moving_mean" not in text


def test_runs_that_do_not_train_are_not_demanded(graph, variable_kind):
    """Evaluation with the switch off, steps read alone, an activation fed: none moves anything."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [])
    x, loss = build_net(is_training)
    train_op = create_train_op(loss, sgd())
    inner = graph.get_tensor_by_name(find_batch_norm_layers()[0].output)
    hook = BatchNormHook(check_steps=2)
    with session_with(hook) as session:
        for batch in BATCHES:
            for _ in range(5):
                session.run(loss, {x: batch, is_training: False})
                session.run(tf.train.get_global_step())
                session.run([loss], {inner: np.ones([7, 1, 1, 4], np.float32)})
            session.run(train_op, {x: batch, is_training: True})
        for _ in range(5):
            session.run(loss, {x: BATCHES[0], is_training: False})
            session.run({"loss": loss}, {x: BATCHES[0], is_training: True})


def test_layers_in_inference_mode_are_not_demanded(graph, variable_kind):
    x, loss = build_net(is_training=False)
    train(BatchNormHook(check_steps=2), x, lossy_train_op(loss))


def test_other_networks_are_not_demanded(graph, variable_kind):
    build_net(scope="other")
    x, loss = build_net(scope="net")
    train_op = create_train_op(loss, sgd(), update_ops=updates_of("net"))
    train(BatchNormHook(check_steps=2), x, train_op)


def test_a_branch_that_is_not_taken_is_not_demanded(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    taken = tf.placeholder_with_default(False, [])

    def normalised():
        y = slim.batch_norm(x, is_training=True, updates_collections=None, decay=DECAY, scope="bn")
        return tf.reduce_mean(tf.square(y - 0.3))

    loss = tf.cond(taken, normalised, lambda: tf.reduce_mean(x) * 0)
    train_op = lossy_train_op(loss)
    train(BatchNormHook(check_steps=2), x, train_op)
    with session_with(BatchNormHook(check_steps=2)) as session:
        for batch in BATCHES:
            session.run(train_op, {x: batch, taken: True})


WORLDS = ["ref", "resource", "resource and control flow version 2"]


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
@pytest.mark.parametrize("taken", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("switched", [True, False])
@pytest.mark.parametrize("lossy", [False, True])
def test_a_branch_in_a_branch(graph, variable_kind, lossy, switched, taken):
    """Only where both are taken is a layer demanded; its switch stands for the inner one."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    outer, inner = tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, [])
    normalise = layer_on_variables(x, updates_collections="mine" if lossy else None)

    def nested():
        if switched:
            return normalise(inner)
        return tf.cond(inner, lambda: normalise(True), lambda: x * 2.0)

    y = tf.cond(outer, nested, lambda: x * 3.0)
    train_op = lossy_train_op(tf.reduce_mean(tf.square(y - 0.3)))
    feed = dict(zip((outer, inner), taken))

    def steps():
        with session_with(BatchNormHook(check_steps=2)) as session:
            for batch in BATCHES:
                session.run(train_op, {x: batch, **feed})

    if lossy and all(taken):
        with pytest.raises(StatisticsError, match="moving_mean did not move in 2 steps"):
            steps()
    else:
        steps()


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
def test_a_switch_made_in_a_branch(graph, variable_kind):
    """A session cannot fetch it, so that the layer need not move."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    outer, off = tf.placeholder_with_default(True, []), tf.placeholder_with_default(True, [])
    normalise = layer_on_variables(x, updates_collections=None)
    y = tf.cond(outer, lambda: normalise(tf.logical_not(off)), lambda: x * 3.0)
    train(BatchNormHook(check_steps=2), x, lossy_train_op(tf.reduce_mean(tf.square(y - 0.3))))


@pytest.mark.parametrize("variable_kind", WORLDS[1:2], indirect=True)
@pytest.mark.parametrize("mode", ["training", "switched on", "switched off"])
def test_a_layer_of_a_function(graph, variable_kind, mode):
    """A session finds nothing that is made inside."""
    import tensorflow as tf2
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    off = tf.placeholder_with_default(mode == "switched off", [])
    normalise = layer_on_variables(x, updates_collections=None)
    function = tf2.function(
        lambda off: normalise(True if mode == "training" else tf.logical_not(off)), autograph=False
    )
    loss = tf.reduce_mean(tf.square(function(off) - 0.3))
    (layer,) = find_batch_norm_layers()
    assert layer.mode == ("training" if mode == "training" else "switched")
    assert (layer.batch_mean, layer.batch_variance) == (None, None)
    train(BatchNormHook(check_steps=2), x, lossy_train_op(loss))


@pytest.mark.parametrize("lossy", [False, True])
def test_networks_that_take_turns_are_each_proved(graph, variable_kind, lossy):
    """With an even count the same one of two would always be due."""
    (one, one_loss), (two, two_loss) = (build_net(scope=scope) for scope in ("one", "two"))
    one_step = create_train_op(one_loss, sgd(), update_ops=updates_of("one"))
    two_step = create_train_op(two_loss, sgd(), update_ops=updates_of("two"))
    if lossy:
        two_step = lossy_train_op(two_loss)

    def alternate():
        with session_with(BatchNormHook(check_steps=4)) as session:
            for batch in BATCHES:
                session.run(one_step, {one: batch})
                session.run(two_step, {two: batch})

    if not lossy:
        alternate()
        return
    with pytest.raises(StatisticsError, match="of 1 of 2 batch-norm layers") as error:
        alternate()
    assert "'two/BatchNorm': moving_mean" in str(error.value)


@pytest.mark.parametrize("variable_kind", ["resource"], indirect=True)
@pytest.mark.parametrize("lossy", [False, True])
def test_control_flow_version_2(graph, variable_kind, lossy):
    import tensorflow.compat.v1 as tf

    tf.enable_control_flow_v2()
    is_training = tf.placeholder_with_default(True, [])
    x, loss = build_net(is_training)
    hook = BatchNormHook(check_steps=3)
    if lossy:
        assert "moving_mean did not move in 3 steps" in fault(hook, x, lossy_train_op(loss))
    else:
        train(hook, x, create_train_op(loss, sgd()))


# Faults, each provoked.


def test_updates_that_are_not_run(graph, variable_kind):
    x, loss = build_net()
    assert fault(BatchNormHook(check_steps=3), x, lossy_train_op(loss)) == "\n".join(
        [
            "Training does not keep the moving statistics of 1 of 1 batch-norm layer right:",
            "  'net/BatchNorm': moving_mean did not move in 3 steps; values all 0",
            "  'net/BatchNorm': moving_variance did not move in 3 steps; values all 1",
            "Likely cause: the train op does not run the update ops of the layers that did not "
            "move.",
            "Fix: build the train op with slimfix.create_train_op, or name layers that are meant "
            "to stay in frozen_scopes.",
        ]
    )


def test_one_update_of_two(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    train_op = slim.learning.create_train_op(loss, sgd(), update_ops=updates[:1])
    text = fault(BatchNormHook(check_steps=3), x, train_op)
    assert "moving_variance did not move in 3 steps" in text
    assert "moving_mean" not in text


def test_one_layer_of_two(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x, loss = build_net(scope="one")
    y = slim.batch_norm(tf.square(x), scope="two", decay=DECAY, updates_collections="elsewhere")
    train_op = slim.learning.create_train_op(loss + tf.reduce_mean(tf.square(y)), sgd())
    text = fault(BatchNormHook(check_steps=3), x, train_op)
    assert "of 1 of 2 batch-norm layers right" in text
    assert "'two': moving_mean did not move" in text and "'one" not in text


def test_a_statistic_stops_moving_after_a_good_start(graph, variable_kind):
    x, loss = build_net()
    good, lossy = create_train_op(loss, sgd()), lossy_train_op(loss)
    hook, steps = BatchNormHook(check_steps=3), [good] * 3 + [lossy] * 5
    wanted = pytest.raises(StatisticsError, match="did not move in 3 steps; values from")
    with wanted, session_with(hook) as session:
        for batch in BATCHES:
            session.run(steps.pop(0), {x: batch})
    assert len(steps) == 2


def test_short_training_is_proved_at_its_end(graph, variable_kind):
    x, loss = build_net()
    text = fault(BatchNormHook(), x, lossy_train_op(loss), BATCHES[:2])
    assert "moving_mean did not move in 2 steps" in text


def test_another_error_is_not_hidden_by_the_proof_at_the_end(graph, variable_kind):
    x, loss = build_net()
    train_op = lossy_train_op(loss)
    with pytest.raises(ZeroDivisionError), session_with(BatchNormHook()) as session:
        session.run(train_op, {x: BATCHES[0]})
        raise ZeroDivisionError


def test_input_that_is_not_finite(graph, variable_kind):
    x, loss = build_net()
    batches = BATCHES.copy()
    batches[4, 3, 2] = np.nan
    train_op = create_train_op(loss, sgd(0.0), check_numerics=False)
    text = fault(BatchNormHook(check_steps=3), x, train_op, batches)
    assert "moving_mean is not finite in 4 of 4 values; no value is finite" in text
    assert "moving_variance is not finite in 4 of 4 values" in text
    assert "Likely cause: a batch held NaN or infinity, or training diverged." in text


def test_a_negative_variance(graph, variable_kind):
    x, loss = build_net()
    value = [0.5, -0.25, 1.5, 2.0]
    train_op = assigning(create_train_op(loss, sgd()), "net/BatchNorm/moving_variance", value)
    text = fault(BatchNormHook(check_steps=3), x, train_op)
    assert "moving_variance is negative in 1 of 4 values; values from -0.25 to 2" in text
    assert "moving_mean" not in text


def test_a_decay_of_1(graph, variable_kind):
    x, loss = build_net(decay=1.0)
    text = fault(BatchNormHook(check_steps=3), x, create_train_op(loss, sgd()))
    assert "moving_mean did not move, for its decay is 1; values all 0" in text
    assert "Fix: build the layer with a decay below 1" in text


def test_frozen_scopes_must_stay(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x, loss = build_net(scope="net")
    hook = BatchNormHook(check_steps=3, frozen_scopes=["net"])
    train(hook, x, lossy_train_op(loss))
    text = fault(
        BatchNormHook(check_steps=3, frozen_scopes=["net"]), x, create_train_op(loss, sgd())
    )
    assert "'net/BatchNorm': moving_mean is frozen and moved by up to " in text
    assert "Fix: hand the same frozen_scopes to slimfix.create_train_op, or build" in text
    with tf.Graph().as_default():
        x, loss = build_net(is_training=False)
        by_hand = assigning(lossy_train_op(loss), "net/BatchNorm/moving_mean", [0.1, 0.2, 0.3, 0.4])
        hook = BatchNormHook(frozen_scopes=["net/BatchNorm"])
        assert "moving_mean is frozen and moved by up to 0.4" in fault(hook, x, by_hand)


def test_frozen_layers_that_no_run_computes_are_proved_at_the_end(graph, variable_kind):
    build_net(scope="other")
    x, loss = build_net(scope="net")
    train_op = create_train_op(loss, sgd(), update_ops=updates_of("net"))
    train(BatchNormHook(check_steps=3, frozen_scopes=["other"]), x, train_op)
    by_hand = assigning(train_op, "other/BatchNorm/moving_mean", [0.1, 0.2, 0.3, 0.4])
    text = fault(BatchNormHook(frozen_scopes=["other"]), x, by_hand)
    assert "of 1 of 2 batch-norm layers right" in text
    assert "'other/BatchNorm': moving_mean is frozen and moved by up to 0.4" in text


def test_a_restored_session_starts_from_what_it_restored(graph, variable_kind, tmp_path):
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    good, lossy = create_train_op(loss, sgd()), lossy_train_op(loss)

    def resume(train_op):
        hook = BatchNormHook(check_steps=3)
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=str(tmp_path), hooks=[hook], save_checkpoint_steps=4
        ) as session:
            for batch in BATCHES:
                session.run(train_op, {x: batch})

    resume(good)
    resume(good)
    with pytest.raises(StatisticsError, match="did not move in 3 steps"):
        resume(lossy)


def test_a_session_that_is_created_anew_starts_anew(graph, variable_kind):
    """After a preemption other values are restored; that is no move."""
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    good, lossy = create_train_op(loss, sgd()), lossy_train_op(loss)
    initialize = tf.global_variables_initializer()
    hook = BatchNormHook(check_steps=3)
    hook.begin()
    with tf.Session() as session:
        session.run(initialize)
        hook.after_create_session(session, None)
        run_hooked(session, hook, good, {x: BATCHES[0]})
        session.run(good, {x: BATCHES[1]})
        hook.after_create_session(session, None)
        run_hooked(session, hook, lossy, {x: BATCHES[2]})
        with pytest.raises(StatisticsError, match="did not move in 1 step; values from"):
            hook.end(session)


# Summaries.


def read_events(folder):
    """Returns {(step, tag): value}, histograms as protos."""
    import tensorflow.compat.v1 as tf

    found = {}
    for path in glob.glob(os.path.join(folder, "events*")):
        for event in tf.train.summary_iterator(path):
            for value in event.summary.value:
                is_scalar = value.HasField("simple_value")
                found[event.step, value.tag] = value.simple_value if is_scalar else value.histo
    return found


@pytest.mark.parametrize("given", ["folder", "writer"])
def test_summaries_are_those_of_the_step_just_run(graph, variable_kind, tmp_path, given):
    """With a learning rate of 0 all that is written follows from the batches, in float64."""
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    train_op = create_train_op(loss, sgd(0.0))
    if given == "folder":
        place = {"summary_dir": str(tmp_path)}
    else:
        place = {"summary_writer": tf.summary.FileWriter(str(tmp_path))}
    train(BatchNormHook(check_steps=3, summary_steps=3, **place), x, train_op)
    events = read_events(str(tmp_path))
    mean, variance = np.zeros(4), np.ones(4)
    for step, batch in enumerate(BATCHES.astype(np.float64) @ WEIGHTS.astype(np.float64), 1):
        batch_mean, batch_variance = batch.mean(axis=0), batch.var(axis=0, ddof=1)
        mean = DECAY * mean + (1 - DECAY) * batch_mean
        variance = DECAY * variance + (1 - DECAY) * batch_variance
        if step not in (1, 4, 7):
            continue
        drift = np.abs(mean - batch_mean) / np.sqrt(variance + EPSILON)
        ratio = (batch_variance + EPSILON) / (variance + EPSILON)
        wanted = {
            "drift_max": drift.max(),
            "drift_mean": drift.mean(),
            "variance_ratio_min": ratio.min(),
            "variance_ratio_max": ratio.max(),
        }
        for tag, value in wanted.items():
            found = events.pop((step, "net/BatchNorm/" + tag))
            np.testing.assert_allclose(found, value, rtol=1e-5, err_msg=tag)
        for tag, values in {"moving_mean": mean, "moving_variance": variance}.items():
            histogram = events.pop((step, "net/BatchNorm/" + tag))
            assert histogram.num == 4
            np.testing.assert_allclose(
                [histogram.min, histogram.max, histogram.sum, histogram.sum_squares],
                [values.min(), values.max(), values.sum(), np.square(values).sum()],
                rtol=1e-5,
            )
    assert events == {}


def test_evaluation_writes_no_summaries(graph, variable_kind, tmp_path):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [])
    x, loss = build_net(is_training)
    train_op = create_train_op(loss, sgd())
    hook = BatchNormHook(summary_steps=1, summary_dir=str(tmp_path))
    with session_with(hook) as session:
        for batch in BATCHES[:3]:
            session.run(loss, {x: batch, is_training: False})
            session.run(train_op, {x: batch, is_training: True})
    assert {step for step, _ in read_events(str(tmp_path))} == {1, 2, 3}


def test_summaries_are_written_before_the_fault_ends_training(graph, variable_kind, tmp_path):
    x, loss = build_net()
    hook = BatchNormHook(check_steps=3, summary_steps=2, summary_dir=str(tmp_path))
    fault(hook, x, lossy_train_op(loss))
    assert {step for step, _ in read_events(str(tmp_path))} == {1, 3}


def test_towers_have_summaries_of_their_own(graph, variable_kind, tmp_path):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    towers = [
        slim.batch_norm(x + tower, scope="bn", decay=DECAY, reuse=tower > 0) for tower in (0, 1)
    ]
    loss = sum(tf.reduce_mean(tf.square(y - 0.3)) for y in towers)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)[:2]
    train_op = create_train_op(loss, sgd(), update_ops=updates)
    train(BatchNormHook(summary_dir=str(tmp_path)), x, train_op)
    events = read_events(str(tmp_path))
    batch_mean = BATCHES[0].astype(np.float64).mean(axis=0)
    variance = DECAY + (1 - DECAY) * BATCHES[0].astype(np.float64).var(axis=0, ddof=1)
    for tag, shift in (("bn", 0), ("bn_1", 1)):
        drift = np.abs((1 - DECAY) * batch_mean - batch_mean - shift)
        wanted = (drift / np.sqrt(variance + EPSILON)).max()
        np.testing.assert_allclose(events[1, tag + "/drift_max"], wanted, rtol=1e-5)


def test_a_run_takes_in_no_more_data_than_it_did(graph, variable_kind):
    """The loss of one tower alone; its statistics are merged with those of another's input."""
    import tensorflow.compat.v1 as tf

    one, two = (tf.placeholder(tf.float32, [None, 6]) for _ in range(2))
    moving = [
        tf.get_variable("bn/moving_mean", [6], initializer=tf.zeros_initializer(), trainable=False),
        tf.get_variable(
            "bn/moving_variance", [6], initializer=tf.ones_initializer(), trainable=False
        ),
    ]
    moments = [tf.nn.moments(x, [0]) for x in (one, two)]
    y = tf.nn.batch_normalization(one, *moments[0], None, None, EPSILON)
    updates = [
        tf.assign_sub(variable, (variable - (first + second) * 0.5) * (1 - DECAY))
        for variable, first, second in zip(moving, *moments)
    ]
    loss = tf.reduce_mean(tf.square(y - 0.3))
    step = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    with session_with(BatchNormHook(check_steps=2)) as session:
        for batch in BATCHES:
            session.run(loss, {one: batch})
            session.run([step, updates, loss], {one: batch, two: batch * 2})


@pytest.mark.parametrize("variable_kind", ["resource"], indirect=True)
def test_refuses_a_run_that_it_cannot_read(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    tf.enable_control_flow_v2()
    x, loss = build_net()
    mean = variable_named("net/BatchNorm/moving_mean")
    hidden = tf.switch_case(
        tf.constant(1), [lambda: tf.reduce_sum(mean), lambda: tf.reduce_max(mean)]
    )
    train_op = create_train_op(loss, sgd())
    with session_with(BatchNormHook()) as session:
        session.run(train_op, {x: BATCHES[0]})
        with pytest.raises(UpdateOpsError, match="function calls that may hold a batch norm"):
            session.run(hidden)


# Arguments.


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"check_steps": 0}, "check_steps is 0; it must be at least 1."),
        ({"summary_steps": -3}, "summary_steps is -3; it must be at least 1."),
        (
            {"summary_dir": "a", "summary_writer": object()},
            "Give summary_dir or summary_writer, not both.",
        ),
    ],
)
def test_arguments_that_make_no_sense(arguments, text):
    with pytest.raises(UsageError) as error:
        BatchNormHook(**arguments)
    assert str(error.value) == text


def test_frozen_scopes_that_hold_nothing(graph):
    _, loss = build_net()
    create_train_op(loss, sgd())
    hook = BatchNormHook(frozen_scopes=["net", "net/Batch"])
    with pytest.raises(UsageError, match="1 of 2 entries of frozen_scopes covers no batch norm"):
        hook.begin()


def test_a_graph_without_a_global_step(graph):
    _, loss = build_net()
    create_train_op(loss, sgd(), global_step=None)
    with pytest.raises(UsageError, match="the graph has no global step"):
        BatchNormHook().begin()


def test_a_step_that_nobody_counts(graph):
    """The hook would check nothing, and end as if all were well."""
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    tf.train.get_or_create_global_step()
    with pytest.raises(UsageError) as error:
        train(BatchNormHook(check_steps=2), x, sgd().minimize(loss))
    assert str(error.value).startswith(
        "BatchNormHook proved nothing of 1 batch-norm layer that ran in training mode: the global "
        "step is still 0"
    )
