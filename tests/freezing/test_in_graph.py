"""freeze_batch_norm in TensorFlow 1 graphs: what stays, what moves, and every refusal."""

import numpy as np
import pytest

from slimfix import create_train_op, freeze_batch_norm, slim, verify_train_op
from slimfix.errors import FreezeError, UpdateOpsError, UsageError

RANDOM = np.random.RandomState(11)
BATCH = RANDOM.normal(1.5, 2.0, size=(7, 6)).astype(np.float32)
WEIGHTS = {
    "block1": np.linspace(-0.9, 1.1, 24).reshape(6, 4).astype(np.float32),
    "block10": np.linspace(0.7, -1.2, 12).reshape(4, 3).astype(np.float32),
}
DECAY = 0.75
STATISTICS = ("moving_mean", "moving_variance")


def build_net(is_training=True, **arguments):
    """Returns (x, loss): two dense layers with batch norm, in the scopes block1 and block10."""
    import tensorflow.compat.v1 as tf

    x = net = tf.placeholder(tf.float32, [None, 6], name="x")
    for scope, weights in WEIGHTS.items():
        net = slim.fully_connected(
            net,
            weights.shape[1],
            weights_initializer=tf.constant_initializer(weights),
            normalizer_fn=slim.batch_norm,
            normalizer_params={
                "is_training": is_training, "decay": DECAY, "scale": True, **arguments
            },
            activation_fn=tf.nn.softplus,
            scope=scope,
        )  # fmt: skip
    return x, tf.reduce_mean(tf.square(net - 0.3))


def plain_train_op(loss):
    """Returns the train op that the TensorFlow guides show: minimize beside UPDATE_OPS."""
    import tensorflow.compat.v1 as tf

    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        return tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)


def train(feed, train_op, steps=3):
    """Returns the values of all variables before and after some steps, by name."""
    import tensorflow.compat.v1 as tf

    variables = {each.op.name: each for each in tf.global_variables()}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(variables)
        for _ in range(steps):
            session.run(train_op, feed)
        return before, session.run(variables)


def moved(before, after):
    """Returns the names of the batch-norm variables of which a bit changed."""
    changed = {name for name in before if before[name].tobytes() != after[name].tobytes()}
    return {name for name in changed if "BatchNorm" in name and "Momentum" not in name}


def of_block(block, *variables):
    return {f"{block}/BatchNorm/{name}" for name in variables}


ALL = of_block("block1", "beta", "gamma", *STATISTICS) | of_block(
    "block10", "beta", "gamma", *STATISTICS
)


def test_unfrozen_everything_moves(graph):
    """The control of the tests below."""
    x, loss = build_net()
    assert moved(*train({x: BATCH}, plain_train_op(loss))) == ALL


@pytest.mark.parametrize(
    "options, stays",
    [
        ({"scopes": ["block1"]}, of_block("block1", "beta", "gamma", *STATISTICS)),
        ({"scopes": ["block10/"]}, of_block("block10", "beta", "gamma", *STATISTICS)),
        ({"scopes": "block1/BatchNorm", "affine": False}, of_block("block1", *STATISTICS)),
        ({"scopes": ["block1"], "statistics": False}, of_block("block1", "beta", "gamma")),
        ({}, ALL),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_frozen_stay_to_the_bit_and_the_rest_moves(graph, variable_kind, options, stays):
    x, loss = build_net()
    record = freeze_batch_norm(graph, **options)
    assert moved(*train({x: BATCH}, plain_train_op(loss))) == ALL - stays
    told = {
        f"{layer.name}/{name}"
        for layer in record.layers
        for name, moves in [
            ("beta", layer.beta_moves),
            ("gamma", layer.gamma_moves),
            *((name, layer.statistics_move) for name in STATISTICS),
        ]
        if moves
    }
    assert told == ALL - stays


def test_statistics_that_are_not_frozen_follow_the_closed_form(graph, variable_kind):
    x, loss = build_net()
    freeze_batch_norm(scopes=["block10"])
    _, after = train({x: BATCH}, plain_train_op(loss), steps=1)
    inputs = BATCH.astype(np.float64) @ WEIGHTS["block1"].astype(np.float64)
    mean = (1 - DECAY) * inputs.mean(axis=0)
    variance = DECAY + (1 - DECAY) * inputs.var(axis=0, ddof=1)
    np.testing.assert_allclose(after["block1/BatchNorm/moving_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(after["block1/BatchNorm/moving_variance"], variance, rtol=1e-5)


VARIANTS = {
    "zero_debias": {"zero_debias_moving_mean": True},
    "unfused": {"fused": False},
    "renorm": {"renorm": True},
    "batch_weights": {"batch_weights": RANDOM.uniform(0.5, 2.0, size=(7,)).astype(np.float32)},
}


@pytest.mark.parametrize(
    "variable_kind", ["ref", "resource", "resource and control flow version 2"], indirect=True
)
@pytest.mark.parametrize("is_switched", [False, True], ids=["training", "switched"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_extra_of_a_layer_is_frozen(graph, variable_kind, variant, is_switched):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder_with_default(True, [], name="phase") if is_switched else True
    x, loss = build_net(is_training, **VARIANTS[variant])
    freeze_batch_norm(scopes=["block1"], affine=False)
    changed = moved(*train({x: BATCH}, plain_train_op(loss)))
    statistics = {name for name in changed if name.rpartition("/")[2] not in ("beta", "gamma")}
    assert statistics and all(name.startswith("block10/") for name in statistics)
    assert {"block1/BatchNorm/beta", "block1/BatchNorm/gamma"} <= changed


def test_updates_leave_every_collection_that_holds_them(graph):
    import tensorflow.compat.v1 as tf

    build_net(updates_collections=["mine", tf.GraphKeys.UPDATE_OPS])
    tf.add_to_collection("mine", "not an op")
    entries = tf.get_collection("mine")
    assert len(entries) == 5
    tf.add_to_collection("grouped", tf.group(*entries[:2]))
    freeze_batch_norm(scopes=["block1"])
    assert tf.get_collection("mine") == entries[2:]
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == entries[2:4]
    assert tf.get_collection("grouped") == []


def test_train_op_of_slim_does_not_run_them(graph):
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    freeze_batch_norm()
    train_op = slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.1, 0.9))
    before, after = train({x: BATCH}, train_op)
    assert moved(before, after) == set()
    assert np.all(before["block1/weights"] != after["block1/weights"])


def test_create_train_op_takes_the_record(graph):
    import tensorflow.compat.v1 as tf

    x, loss = build_net()
    record = freeze_batch_norm(scopes=["block1"])
    optimizer = tf.train.MomentumOptimizer(0.1, 0.9)
    with pytest.raises(UpdateOpsError):
        create_train_op(loss, optimizer)
    train_op = create_train_op(loss, optimizer, frozen_scopes=record.frozen_scopes)
    assert verify_train_op(train_op, frozen_scopes=record.frozen_scopes).frozen == (
        "block1/BatchNorm",
    )
    stays = of_block("block1", "beta", "gamma", *STATISTICS)
    assert moved(*train({x: BATCH}, train_op)) == ALL - stays


def test_layers_on_shared_variables_are_frozen_together(graph):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    towers = [slim.batch_norm(x * scale, scope="bn", reuse=scale > 1) for scale in (1, 2)]
    towers.append(slim.batch_norm(x, scope="bn", reuse=True, is_training=False))
    (state,) = freeze_batch_norm(affine=False).layers
    assert (state.name, state.statistics_move, state.beta_moves) == ("bn", False, True)
    assert state.normalises_with == "batch, moving"
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == []


def test_parameters_in_parts_are_frozen(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    with tf.variable_scope("net", partitioner=tf.fixed_size_partitioner(2)):
        y = slim.batch_norm(x, scope="BatchNorm", scale=True)
        y = slim.fully_connected(y, 2, scope="out")
    (state,) = freeze_batch_norm().layers
    assert (state.beta_moves, state.gamma_moves) == (False, False)
    before, after = train({x: BATCH}, plain_train_op(tf.reduce_sum(tf.square(y))))
    assert "net/BatchNorm/beta/part_1" in before
    assert moved(before, after) == set()


def test_statistics_trainable_by_mistake_are_frozen_too(graph):
    """In inference mode an optimizer would train them: the loss depends on them."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    mean = tf.get_variable("BatchNorm/mean", [6])
    variance = tf.get_variable("BatchNorm/variance", [6], initializer=tf.ones_initializer())
    beta = tf.get_variable("BatchNorm/beta", [6])
    y = tf.nn.batch_normalization(x, mean, variance, beta, None, 0.01)
    loss = tf.reduce_sum(tf.square(y))
    assert freeze_batch_norm(statistics=False).layers[0].statistics_move
    tf.add_to_collection(tf.GraphKeys.TRAINABLE_VARIABLES, beta)
    assert not freeze_batch_norm(affine=False).layers[0].statistics_move
    assert moved(*train({x: BATCH}, plain_train_op(loss))) == {"BatchNorm/beta"}


def test_fine_tuning_on_one_sample(graph, variable_kind):
    """Evaluation and the first step's loss disagree in training mode, and agree frozen."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    x, loss = build_net(is_training)
    record = freeze_batch_norm()
    train_op = plain_train_op(loss)
    assert record.notes == (
        "what 'is_training:0' switches normalises with the frozen statistics only while it is "
        "False.",
    )
    one = {x: BATCH[:1]}
    evaluating, training = {**one, is_training: False}, {**one, is_training: True}
    before, after = train(evaluating, [train_op, loss])
    assert moved(before, after) == set()
    assert np.all(before["block10/weights"] != after["block10/weights"])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        evaluated = session.run(loss, evaluating)
        in_training_mode = session.run(loss, training)
        first_step = session.run([loss, train_op], evaluating)[0]
    assert abs(in_training_mode - evaluated) > 0.1 * evaluated
    np.testing.assert_allclose(first_step, evaluated, rtol=1e-6)


def contents(graph):
    return {key: graph.get_collection(key) for key in graph.get_all_collection_keys()}


def refusal(graph, kind=FreezeError, **options):
    """Returns the text of the error, and checks that the graph is as it was."""
    before, ops = contents(graph), len(graph.get_operations())
    with pytest.raises(kind) as error:
        freeze_batch_norm(graph, **options)
    assert contents(graph) == before and len(graph.get_operations()) == ops
    return str(error.value)


@pytest.mark.parametrize("arguments", [{}, {"fused": False}], ids=["fused", "written out"])
@pytest.mark.parametrize("is_switched", [False, True], ids=["training", "switched"])
def test_refuses_forced_updates(graph, variable_kind, arguments, is_switched):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="phase") if is_switched else True
    build_net(is_training, updates_collections=None, **arguments)
    assert refusal(graph, scopes=["block10"]) == (
        "Cannot freeze the statistics of 1 of 1 batch norm:\n"
        "  'block10/BatchNorm': its output waits for its updates\n"
        "Likely cause: slim.batch_norm was built with updates_collections=None, which puts the "
        "updates into the network itself.\n"
        "Fix: build it with updates_collections at its default, or with is_training=False."
    )
    freeze_batch_norm(statistics=False)


@pytest.mark.parametrize("arguments", [{"updates_collections": None}, {}], ids=["forced", "built"])
def test_what_the_refusals_are_for(graph, arguments):
    """Emptied by hand, the collections stop neither forced updates nor a train op that is built."""
    import tensorflow.compat.v1 as tf

    x, loss = build_net(**arguments)
    train_op = slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.1, 0.9))
    del tf.get_collection_ref(tf.GraphKeys.UPDATE_OPS)[:]
    del tf.get_collection_ref(tf.GraphKeys.TRAINABLE_VARIABLES)[:]
    assert moved(*train({x: BATCH}, train_op)) == ALL


@pytest.mark.parametrize("variable_kind", ["resource"], indirect=True)
def test_refuses_updates_that_a_function_call_runs(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    mean = tf.get_variable("bn/mean", [6], trainable=False)
    variance = tf.get_variable("bn/variance", [6], trainable=False)

    @tf.function
    def normalise(x):
        y, batch_mean, batch_variance = tf.nn.fused_batch_norm(x, tf.ones([6]), tf.zeros([6]))
        mean.assign_sub((mean - batch_mean) * 0.25)
        variance.assign_sub((variance - batch_variance) * 0.25)
        return y

    normalise(tf.placeholder(tf.float32, [5, 3, 2, 6]))
    assert "'bn': its output waits for its updates" in refusal(graph)


@pytest.mark.parametrize("variable_kind", ["resource and control flow version 2"], indirect=True)
def test_refuses_what_it_cannot_read(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6])
    y = slim.batch_norm(x, scope="bn")
    again = [lambda: slim.batch_norm(x, scope="bn", reuse=True)] * 2
    tf.switch_case(tf.placeholder(tf.int32, [], name="which"), [*again, lambda: y])
    text = refusal(graph)
    assert text.startswith("Cannot see every batch norm: 1 of ")
    assert text.endswith("\nFix: call tf.disable_control_flow_v2() before the graph is built.")


def test_refuses_a_train_op_that_runs_the_updates(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    _, loss = build_net()
    slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.1, 0.9))
    text = refusal(graph, scopes=["block1"], affine=False)
    assert text == (
        "Cannot freeze the statistics of 1 batch norm: 1 op would go on moving them:\n"
        "  'train_op/control_dependency' (Identity), in the collection 'train_op', runs the "
        "updates of 'block1/BatchNorm'\n"
        "Likely cause: a train op was built already, or the update ops were grouped with others.\n"
        "Fix: call freeze_batch_norm when the network is built, and before the train op is."
    )


def test_refuses_updates_grouped_with_others(graph):
    import tensorflow.compat.v1 as tf

    build_net()
    tf.add_to_collection("mine", tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS), name="all"))
    text = refusal(graph, scopes=["block1"])
    assert "'all' (NoOp), in the collection 'mine', runs the updates of 'block1/BatchNorm'" in text
    freeze_batch_norm()
    assert tf.get_collection("mine") == []


def test_refuses_a_loss_that_waits_for_the_updates(graph):
    import tensorflow.compat.v1 as tf

    _, loss = build_net()
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        tf.identity(loss, name="barrier")
    assert "'barrier' (Identity) runs the updates of" in refusal(graph)


@pytest.mark.parametrize("optimizer", ["Momentum", "written out"])
def test_refuses_parameters_that_a_train_op_trains(graph, variable_kind, optimizer):
    import tensorflow.compat.v1 as tf

    _, loss = build_net(is_training=False)
    if optimizer == "Momentum":
        tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    else:
        beta = [
            each for each in tf.trainable_variables() if each.op.name.endswith("1/BatchNorm/beta")
        ]
        tf.assign_sub(beta[0], 0.1 * tf.gradients(loss, beta)[0])
    text = refusal(graph, scopes=["block1"], statistics=False)
    wrong = 2 if optimizer == "Momentum" else 1
    assert text.startswith(f"Cannot freeze {wrong} of 2 variables of 1 batch norm:\n")
    assert "\n  'block1/BatchNorm/beta': trained by '" in text
    assert text.endswith("\nFix: call freeze_batch_norm when the network is built, and before "
                         "the train op is.")  # fmt: skip
    freeze_batch_norm(affine=False)


def test_a_second_optimizer_for_other_variables_is_no_hindrance(graph):
    import tensorflow.compat.v1 as tf

    _, loss = build_net()
    weights = [each for each in tf.trainable_variables() if each.op.name.endswith("weights")]
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, var_list=weights)
    tf.train.Saver()
    assert not any(layer.statistics_move for layer in freeze_batch_norm().layers)


def test_freezing_twice_adds_up(graph):
    build_net()
    freeze_batch_norm(scopes=["block1"])
    record = freeze_batch_norm(scopes=["block10"])
    assert not any(layer.statistics_move or layer.beta_moves for layer in record.layers)
    assert record.frozen_scopes == ("block10/BatchNorm",)
    assert not any("in no collection" in note for note in record.notes)


def test_says_where_updates_are_in_no_collection(graph):
    build_net(updates_collections=[])
    note = freeze_batch_norm(scopes=["block1"]).notes[0]
    assert note.startswith("the update ops of 1 batch norm were in no collection. Whoever holds")


@pytest.mark.parametrize(
    "options, text",
    [
        (
            {"scopes": ["block", "block1"]},
            "1 of 2 entries of scopes covers no batch norm:\n"
            "  'block'; near: 'block1', 'block10'\n"
            "Likely cause: a name is misspelt, or is only a part of one; scopes count in whole "
            "parts.\n"
            "Fix: name a scope of the graph, or leave the entry out of scopes.",
        ),
        (
            {"scopes": []},
            "scopes is empty\nFix: name scopes, or leave it out for every batch norm.",
        ),
        (
            {"statistics": False, "affine": False},
            "Nothing to freeze: statistics and affine are both False\n"
            "Fix: leave one of them at True.",
        ),
    ],
    ids=str,
)
def test_refuses_wrong_arguments(graph, options, text):
    build_net()
    assert refusal(graph, UsageError, **options) == text


def test_refuses_a_graph_without_batch_norm(graph):
    assert refusal(graph, UsageError).startswith("The graph holds no batch norm\n")


def test_refuses_what_is_no_graph():
    with pytest.raises(UsageError, match=r"^Cannot freeze a builtins\.str\n"):
        freeze_batch_norm("block1")
