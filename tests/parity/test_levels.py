"""All levels of a proof: on what TensorFlow 1.15.5 recorded, on networks of each kind, and with one
sabotage a level."""

import dataclasses
import json

import numpy as np
import pytest

from slimfix.errors import ParityError, UsageError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.network.sources import Source
from slimfix.parity import Level, Verdict, diff_parity, read_recording
from slimfix.reference.optimizers import Optimizer

EVERY = tuple(Level)
FORWARD = (Level.TRAINING, Level.GRADIENTS)
OP_NETS = "tests/golden/op_nets"


@pytest.fixture(scope="module")
def recording():
    """Levels L1 to L4 of the digits network, by TensorFlow 1.15.5."""
    return read_recording("tests/golden/digits/good/training_recording.npz")


def passed(result):
    return {level.level: level.passed for level in result.levels}


def short(recording, steps=2):
    """The same with fewer optimizer steps; only the weights after the last one are left out."""
    trajectory = dataclasses.replace(
        recording.trajectory, losses=recording.trajectory.losses[:steps], weights={}
    )
    return dataclasses.replace(recording, trajectory=trajectory)


# On what TensorFlow 1.15.5 recorded.


@pytest.fixture(scope="module")
def proof(good, recording):
    return diff_parity(good.model, good, recording, EVERY)


def test_the_golden_recording_is_proved_at_every_level(proof, recording):
    assert proof.passed
    assert proof.reference.description == "recorded by TensorFlow 1.15.5"
    number = len(recording.tensors) + len(recording.training) + len(recording.statistics)
    number += len(recording.gradients) + 100
    assert proof.reference.recorded_tensors == number
    assert [(each.level, each.compared, each.noun) for each in proof.levels] == [
        (Level.WEIGHTS, 19 + 170 + 15, "parts"),
        (Level.INFERENCE, 16, "layers"),
        (Level.TRAINING, 16 + 6, "layers and statistics"),
        (Level.GRADIENTS, 14, "gradients"),
        (Level.TRAJECTORY, 100, "steps"),
    ]
    worst = {each.level: each.worst for each in proof.levels}
    assert worst[Level.WEIGHTS] == 0.0
    assert worst[Level.INFERENCE] < 1e-12
    assert worst[Level.TRAINING] < 1e-12
    assert worst[Level.GRADIENTS] < 1e-11
    assert worst[Level.TRAJECTORY] < 1e-9
    assert (proof.samples, proof.diagnosis, proof.first_difference) == (8, None, None)


def test_the_recorded_gradients_are_the_float32_original(proof, recording):
    rows = {row.tensor: row for row in proof.gradients}
    assert set(rows) == set(recording.gradients)
    for name, row in rows.items():
        value = recording.gradients[name]
        assert row.shape == value.shape
        assert row.scale == pytest.approx(np.abs(value).max(), rel=1e-4)
        assert row.function_error < 1e-11
        assert 0 < row.original_error < 1e-3 or row.verdict is Verdict.IDENTICAL
    assert rows["images:0"].kind == "input"
    kinds = {row.kind for row in proof.gradients}
    assert kinds == {"kernel", "bias", "gamma", "beta", "input"} | {
        "depthwise_kernel",
        "pointwise_kernel",
    }


def test_the_recorded_losses_are_the_float32_original(proof, recording):
    trajectory = proof.trajectory
    assert trajectory.optimizer == str(recording.trajectory.optimizer)
    assert [step.step for step in trajectory.steps] == list(range(1, 101))
    for step, recorded in zip(trajectory.steps, recording.trajectory.losses):
        share = abs(float(recorded) - step.loss) / step.loss
        assert step.loss_errors[1] == pytest.approx(share, rel=1e-9, abs=1e-15)
        assert step.loss_errors[0] < 1e-9 and step.weight_errors[0] < 1e-9
    # Rounding is enlarged from step to step: in float32, not in float64.
    assert trajectory.steps[0].loss_errors[1] < 1e-6
    assert max(step.loss_errors[1] for step in trajectory.steps) < 0.2
    assert trajectory.steps[-1].loss < trajectory.steps[0].loss


def test_the_statistics_are_explained_to_the_last_digits(proof):
    elements = {"conv1": 512, "sepconv2": 256, "fc4": 8}
    assert len(proof.statistics) == 6
    for row in proof.statistics:
        layer = row.variable.split("/")[1]
        assert row.unexplained_error < 1e-14
        if row.variable.endswith("moving_variance"):
            number = elements[layer]
            assert row.elements == number
            assert f"takes variance * {number}/{number - 1} into" in row.reason
        else:
            assert row.elements is None and row.function_error < 1e-6


def test_a_gradient_that_cancels_out_is_no_false_alarm(proof):
    """conv3's bias is not in front of a batch norm; of a bias that is, see below."""
    assert {row.cause for row in proof.gradients} == {""}


@pytest.mark.parametrize("level", EVERY)
def test_levels_that_were_not_asked_for_are_none(small, level):
    result = diff_parity(small.model, small, levels=[level], steps=1)
    assert result.passed
    assert (result.training is not None) == (level is Level.TRAINING)
    assert (result.gradients is not None) == (level is Level.GRADIENTS)
    assert (result.trajectory is not None) == (level is Level.TRAJECTORY)
    assert {each.level for each in result.levels} == {Level.WEIGHTS, Level.INFERENCE, level}
    moved = [row.function_error is not None for row in result.statistics]
    assert moved == [level is Level.TRAINING] * 2


# Recordings with one value that is wrong.


def changed(recording, room, name):
    values = dict(getattr(recording, room))
    values[name] = values[name].copy()
    values[name][(0,) * values[name].ndim] += np.float32(0.01) * np.abs(values[name]).max()
    return dataclasses.replace(recording, **{room: values})


@pytest.mark.parametrize(
    ("room", "name", "levels", "line"),
    [
        ("tensors", "digits/conv1/Relu:0", (), "  'digits/conv1/Relu:0': off by "),
        ("training", "digits/conv1/Relu:0", FORWARD[:1], "  'digits/conv1/Relu:0': off by "),
        (
            "statistics",
            "digits/fc4/BatchNorm/moving_variance",
            FORWARD[:1],
            "  'digits/fc4/BatchNorm/moving_variance' after a step: off by ",
        ),
    ],
)
def test_a_wrong_recorded_value_is_named(good, recording, room, name, levels, line):
    with pytest.raises(ParityError) as caught:
        diff_parity(good.model, good, changed(recording, room, name), levels)
    assert str(caught.value).startswith("1 of the values in recording '")
    assert line in str(caught.value)
    if room == "statistics":  # Only the level that reads it.
        assert diff_parity(good.model, good, changed(recording, room, name)).passed


def test_wrong_recorded_gradients_are_named(good, recording):
    """However few: which ReLUs rounding switched is known, so that none is excused by a guess."""
    names = list(recording.gradients)[:2]
    some = recording
    for name in names:
        some = changed(some, "gradients", name)
    with pytest.raises(ParityError) as caught:
        diff_parity(good.model, good, some, [Level.GRADIENTS])
    assert str(caught.value).startswith("2 of the values in recording '")
    for name in names:
        assert f"  gradient of '{name}': off by " in str(caught.value)
    assert diff_parity(good.model, good, some, [Level.TRAINING]).passed


def test_wrong_recorded_losses_and_weights_are_named(good, recording):
    trajectory = short(recording).trajectory
    losses = trajectory.losses.copy()
    losses[1] *= np.float32(1.001)
    weights = {"digits/fc4/weights": good.read("digits/fc4/weights") + np.float32(0.5)}
    wrong = dataclasses.replace(trajectory, losses=losses, weights=weights)
    with pytest.raises(ParityError) as caught:
        diff_parity(
            good.model,
            good,
            dataclasses.replace(recording, trajectory=wrong),
            [Level.TRAJECTORY],
        )
    assert str(caught.value).startswith("2 of the values in recording '")
    assert f"  loss of step 2: {float(losses[1])}; in float64 " in str(caught.value)
    assert "  'digits/fc4/weights' after the last step: off by " in str(caught.value)


# Models with one thing wrong.


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A convolution with a penalty, batch norm, dropout, and a dense layer."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    generator = np.random.default_rng(7)
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        x = tf.placeholder(tf.float32, [None, 6, 5, 2], name="x")
        is_training = tf.placeholder(tf.bool, [], name="is_training")
        penalty = slim.l2_regularizer(0.1)
        bare = {"activation_fn": None, "biases_initializer": None}
        net = slim.conv2d(x, 3, [3, 2], weights_regularizer=penalty, scope="conv", **bare)
        net = slim.batch_norm(net, is_training=is_training, decay=0.9, scale=True, scope="bn")
        net = slim.dropout(tf.nn.elu(net), 0.6, is_training=is_training, scope="drop")
        output = slim.fully_connected(slim.flatten(net), 4, activation_fn=None, scope="logits")
        for variable in tf.global_variables():
            value = generator.uniform(0.25, 1.25, variable.shape.as_list())
            session.run(variable.initializer, {variable.initializer.inputs[1]: value})
        folder = tmp_path_factory.mktemp("small")
        prefix = tf.train.Saver().save(session, str(folder / "model.ckpt"))
    return convert(prefix, inputs="x:0", outputs=output.name)


def edited(migration, layer, edit):
    """The same model with a changed description of one layer, and the same weights."""

    def work():
        import keras

        description = json.loads(migration.model.to_json())
        layers = description["config"]["layers"]
        edit(next(item for item in layers if item["name"] == layer)["config"])
        model = keras.models.model_from_json(json.dumps(description))
        model.set_weights(migration.model.get_weights())
        return model

    return run_eagerly(work)


def double_penalty(config):
    config["kernel_regularizer"]["config"]["l2"] *= 2


def activity(config):
    penalty = {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.001}}
    config["activity_regularizer"] = penalty


@pytest.mark.parametrize(
    ("layer", "edit", "failing"),
    [
        ("bn", lambda config: config.update(momentum=0.95), {"L2"}),
        ("conv", double_penalty, {"L4"}),
        ("conv", lambda config: config.update(kernel_regularizer=None), {"L4"}),
        ("logits", activity, {"L4"}),
        ("conv", lambda config: config.update(trainable=False), {"L3", "L4"}),
        ("bn", lambda config: config.update(trainable=False), {"L2", "L3", "L4"}),
        ("bn", lambda config: config.update(epsilon=0.00101), None),
    ],
)
def test_each_level_sees_what_it_is_there_for(small, layer, edit, failing):
    """Level L0 sees all of them; None: every level does."""
    result = diff_parity(edited(small, layer, edit), small, levels=EVERY, steps=3)
    failed = {level.level.value for level in result.levels if not level.passed}
    assert failed == {"L0", *(failing or {"L1", "L2", "L3", "L4"})}


def test_a_layer_that_is_trained_on_one_side_alone_is_named(small, rebuilt):
    model = rebuilt(small.model, "conv", trainable=False)
    result = diff_parity(model, small, levels=[Level.GRADIENTS])
    wrong = [row for row in result.gradients if row.verdict is Verdict.DIFFERENT]
    assert [(row.tensor, row.cause) for row in wrong] == [
        ("conv/weights", "trained in the original alone")
    ]
    assert result.first_difference == wrong[0]


def test_a_wrong_weight_is_seen_at_every_level(small, rebuilt):
    model = rebuilt(small.model, "conv")
    kernel = model.get_layer("logits").kernel
    value = kernel.numpy()
    value[0] *= np.float32(1.0001)
    run_eagerly(kernel.assign, value)
    result = diff_parity(model, small, levels=EVERY, steps=2)
    assert passed(result) == dict.fromkeys(Level, False)


def test_the_model_is_left_as_it_was(small):
    before = [weight.numpy().tobytes() for weight in small.model.weights]
    diff_parity(small.model, small, levels=EVERY, steps=2)
    assert [weight.numpy().tobytes() for weight in small.model.weights] == before


def test_a_training_that_diverges_proves_nothing(small):
    with pytest.raises(UsageError) as caught:
        diff_parity(
            small.model,
            small,
            levels=[Level.TRAJECTORY],
            optimizer=Optimizer("sgd", 1e30),
            steps=9,
        )
    assert str(caught.value).startswith("Nothing can be proved: the loss of step ")
    assert "Fix: choose a smaller learning_rate (--learning_rate)" in str(caught.value)


@pytest.mark.parametrize("kind", ["sgd", "adam", "rmsprop"])
def test_every_optimizer_takes_the_same_steps(micro, kind):
    migration, _ = micro("rank4_unfused_scale")
    optimizer = Optimizer(kind, 0.003)
    levels = [Level.TRAJECTORY]
    result = diff_parity(migration.model, migration, levels=levels, optimizer=optimizer, steps=5)
    assert result.passed
    assert result.trajectory.optimizer.startswith(f"{kind}(learning_rate=0.003")
    assert all(max(s.loss_errors[0], s.weight_errors[0]) < 1e-9 for s in result.trajectory.steps)


# Networks of other kinds.


@pytest.fixture
def prove(saved):
    """Converts what ends in some tensors and proves it at every level."""

    def run(*outputs, inputs=("x:0",), batch_norm=None, **more):
        names = [tensor.name for tensor in outputs]
        source = Source(saved(), batch_norm=batch_norm)
        migration = convert(source, inputs=list(inputs), outputs=names)
        result = diff_parity(migration.model, migration, levels=EVERY, steps=3, **more)
        assert result.passed, (passed(result), result.first_difference)
        assert all(max(each.worst for each in result.levels) < 1e-9 for each in result.levels)
        return result, migration

    return run


def test_a_bias_in_front_of_a_batch_norm(graph, prove):
    """Its gradient is zero but for rounding, on both sides."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 2], name="x")
    net = slim.conv2d(x, 3, [3, 2], activation_fn=None, scope="conv")
    output = slim.batch_norm(net, is_training=True, decay=0.9, scale=True, scope="bn")
    result, _ = prove(output, batch_norm="moving")
    rows = {row.tensor: row for row in result.gradients}
    bias = rows["conv/biases"]
    assert bias.cause == (
        "its terms cancel out, and zero but for rounding is left: measured against the terms"
    )
    assert bias.scale < 1e-10 < rows["conv/weights"].scale
    assert bias.verdict is not Verdict.DIFFERENT
    assert {row.cause for name, row in rows.items() if name != "conv/biases"} == {""}


def test_channels_first(graph, prove):
    """Two inputs too, whose order counts, and two outputs, one of them channels first."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    x, y = (tf.placeholder(tf.float32, [None, 2, 7, 5], name=name) for name in "xy")
    first = {"data_format": "NCHW"}
    net = slim.conv2d(
        x - 2.0 * y,
        4,
        [3, 2],
        stride=[2, 1],
        normalizer_fn=slim.batch_norm,
        normalizer_params={"is_training": is_training, "decay": 0.9, "scale": True, **first},
        weights_regularizer=slim.l2_regularizer(0.01),
        scope="conv",
        **first,
    )
    pooled = tf.reduce_mean(net, [2, 3], name="pooled")
    logits = slim.fully_connected(pooled, 3, activation_fn=None, scope="logits")
    result, migration = prove(logits, net, inputs=("x:0", "y:0"))
    assert "x:0" in migration.function.permutations
    assert net.name in migration.function.permutations
    rows = {row.tensor: row for row in result.gradients}
    assert {"x:0", "y:0", "conv/weights", "logits/biases"} < set(rows)
    assert rows["x:0"].shape[1:] == (2, 7, 5)  # As the original has it.
    assert rows["y:0"].scale == pytest.approx(2 * rows["x:0"].scale, rel=1e-12)


def test_inputs_in_another_order_are_refused(graph, saved):
    import keras
    import tensorflow.compat.v1 as tf

    x, y = (tf.placeholder(tf.float32, [None, 3], name=name) for name in "xy")
    output = x - y * tf.get_variable("scale", [3])
    migration = convert(saved(), inputs=["x:0", "y:0"], outputs=output.name)
    model = migration.model
    assert diff_parity(model, migration, levels=FORWARD).passed
    turned = run_eagerly(lambda: keras.Model(model.inputs[::-1], model.outputs))
    with pytest.raises(ParityError) as caught:
        diff_parity(turned, migration)
    assert "  inputs: planned x, y; model y, x\n" in str(caught.value)


def test_two_outputs_in_another_order_are_different(graph, saved):
    import keras
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    outputs = [tf.tanh(x * tf.get_variable(name, [3])) for name in ("one", "two")]
    migration = convert(saved(), inputs="x:0", outputs=[tensor.name for tensor in outputs])
    model = migration.model
    assert diff_parity(model, migration, levels=EVERY, steps=2).passed
    turned = run_eagerly(lambda: keras.Model(model.inputs, model.outputs[::-1]))
    found = passed(diff_parity(turned, migration, levels=EVERY, steps=2))
    wrong = [Level.INFERENCE, Level.TRAINING, Level.GRADIENTS, Level.TRAJECTORY]
    assert found == dict.fromkeys([Level.WEIGHTS, *wrong], False)


def test_variables_in_parts(graph, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 4], name="x")
    with tf.variable_scope("net", partitioner=tf.fixed_size_partitioner(3, axis=3)):
        net = slim.conv2d(x, 7, [3, 2], biases_initializer=None, scope="conv")
    output = slim.fully_connected(slim.flatten(net), 2, activation_fn=None, scope="logits")
    parts = [v.op.name for v in tf.trainable_variables() if "conv/weights" in v.op.name]
    assert len(parts) == 3
    migration = convert(saved(), inputs="x:0", outputs=output.name)
    result = diff_parity(migration.model, migration, levels=EVERY, steps=3)
    assert result.passed
    rows = {row.tensor: row for row in result.gradients}
    assert rows["net/conv/weights"].shape == (3, 2, 4, 7)
    assert rows["net/conv/weights"].function_error < 1e-12


def test_ids_of_an_embedding(prove, graph):
    """No gradient of whole numbers; of the table's rows that are not looked up it is zero."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    words = tf.placeholder(tf.int32, [None, 3], name="words")
    table = tf.get_variable("table", [7, 4])
    looked_up = tf.nn.embedding_lookup(table, words)
    output = slim.fully_connected(slim.flatten(looked_up), 2, activation_fn=None, scope="logits")
    ids = np.array([[0, 1, 5], [1, 2, 5], [0, 0, 2], [5, 1, 0]], np.int32)
    result, _ = prove(output, inputs=("words:0",), data={"words": ids})
    rows = {row.tensor: row for row in result.gradients}
    assert sorted(rows) == ["logits/biases", "logits/weights", "table"]
    assert rows["table"].shape == (7, 4)


def test_a_frozen_layer_with_a_penalty(graph, prove):
    """TensorFlow 1 adds its penalty to the loss, Keras does not; nothing is trained otherwise."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 7, 5, 4], name="x")
    with slim.arg_scope(
        [slim.conv2d], activation_fn=None, weights_regularizer=slim.l2_regularizer(0.02)
    ):
        net = slim.conv2d(x, 3, [3, 2], trainable=False, scope="frozen")
        net = slim.conv2d(net, 3, [2, 1], scope="free")
    result, _ = prove(net)
    rows = {row.tensor for row in result.gradients}
    assert rows == {"free/weights", "free/biases", "x:0"}


@pytest.mark.parametrize("name", ["conv_pool_dense", "separable", "transposed", "volumes"])
def test_nets_that_tensorflow_1_15_wrote_are_proved_in_training(name):
    with np.load(f"{OP_NETS}/{name}/recording.npz") as file:
        header = json.loads(str(file["recording"]))
    prefix = f"{OP_NETS}/{name}/model.ckpt"
    migration = convert(prefix, inputs=header["inputs"], outputs=header["outputs"])
    result = diff_parity(migration.model, migration, levels=EVERY, steps=2)
    assert result.passed, (passed(result), result.first_difference)
    assert max(each.worst for each in result.levels) < 1e-9


# A model by other hands.


def test_a_model_with_names_of_its_own_is_proved_at_every_level(good, recording, renamed):
    model, _ = renamed(good.model)
    result = diff_parity(model, good, short(recording), EVERY)
    assert result.passed
    counts = {each.level: each.compared for each in result.levels}
    assert result.weights.compared == 19
    assert counts[Level.WEIGHTS] == 19 + result.settings.compared + 15
    assert counts[Level.GRADIENTS] == 14
    assert counts[Level.TRAINING] == 1 + 3 + 6  # The output, the batch norms, the statistics.
    assert result.settings.different == ()


def test_a_wrong_model_with_names_of_its_own_is_different(good, renamed):
    """A momentum: no output shows it, but the statistics do."""
    model, names = renamed(good.model)
    layer = model.get_layer(names["digits__fc4__BatchNorm"])
    layer.momentum = 0.9
    result = diff_parity(model, good, levels=[Level.TRAINING])
    assert passed(result)[Level.INFERENCE] and not passed(result)[Level.TRAINING]
    assert "momentum 0.9 in place of 0.95" in [t.hypothesis for t in result.diagnosis.fitting]


def test_the_proof_leaves_the_random_numbers_of_a_program_alone(good):
    """Keras draws a seed for each copy of a dropout."""
    import random

    random.seed(5)
    wanted = random.random()
    random.seed(5)
    diff_parity(good.model, good, levels=[Level.TRAINING])
    assert random.random() == wanted


def test_whole_numbers_alone_are_no_proof(graph, saved):
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    classes = tf.argmax(slim.fully_connected(x, 3, scope="fc"), 1, name="classes")
    planned = convert(saved(), inputs="x:0", outputs=classes.name)
    result = run_eagerly(diff_parity, planned.model, planned, None, [Level.TRAINING])
    assert result.passed and len(result.training) == 3
    with pytest.raises(UsageError, match="L3 cannot be proved: no output of the network is a"):
        run_eagerly(diff_parity, planned.model, planned, None, [Level.GRADIENTS])

    def other_names():
        inputs = keras.Input([6], name="x")
        dense = keras.layers.Dense(3, activation="relu", name="mine")
        return keras.Model(inputs, keras.ops.argmax(dense(inputs), 1))

    with pytest.raises(UsageError, match="a model with names of its own cannot be proved"):
        run_eagerly(diff_parity, run_eagerly(other_names), planned)


def test_a_network_that_trains_nothing_has_no_trajectory(graph, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    net = slim.fully_connected(x, 3, trainable=False, scope="fc")
    planned = convert(saved(), inputs="x:0", outputs=net.name)
    assert not planned.model.get_layer("fc").trainable
    result = run_eagerly(diff_parity, planned.model, planned, None, [Level.GRADIENTS])
    assert result.passed
    assert [row.kind for row in result.gradients] == ["input"]
    with pytest.raises(UsageError, match="the original trains no weight"):
        run_eagerly(diff_parity, planned.model, planned, None, [Level.TRAJECTORY])


def test_models_by_hand_are_proved(micro, tmp_path):
    """A Sequential, a model in a model, and one with slim's name for one of two layers."""
    import keras

    migration, _ = micro("rank4_scale")
    weights = migration.model.get_weights()

    def layers(norm="own_norm"):
        return [
            keras.layers.Conv2D(4, [3, 2], use_bias=False, name="net__conv"),
            keras.layers.BatchNormalization(momentum=0.97, epsilon=1e-3, name=norm),
        ]

    def sequential():
        return keras.Sequential([keras.Input([5, 3, 2]), *layers()])

    def nested():
        inputs = keras.Input([5, 3, 2])
        inner = keras.Sequential([keras.Input([5, 3, 2]), *layers(), keras.layers.Dropout(0.5)])
        return keras.Model(inputs, inner(inputs))

    def with_its_name():
        return keras.Sequential([keras.Input([5, 3, 2]), *layers("net__conv__BatchNorm")])

    for build in (sequential, nested, with_its_name):
        model = run_eagerly(build)
        model.set_weights(weights)
        result = diff_parity(model, migration, levels=(Level.TRAINING, Level.GRADIENTS))
        wrong = {level.level: level.passed for level in result.levels if not level.passed}
        # A dropout that slim does not have is told, and drops nothing in the proof.
        assert wrong == ({Level.WEIGHTS: False} if build is nested else {}), build.__name__
        told = ("dropouts: planned none; model rate 0.5",) if build is nested else ()
        assert result.settings.different == told
    with pytest.raises(UsageError, match="The model is a NoneType; want a functional"):
        diff_parity(None, migration)


def test_a_gamma_that_holds_a_beta_is_no_gamma(micro, renamed):
    migration, _ = micro("rank4_scale")
    model, names = renamed(migration.model)
    layer = model.get_layer(names["net__conv__BatchNorm"])
    gamma, beta = layer.gamma.numpy(), layer.beta.numpy()
    layer.gamma.assign(beta), layer.beta.assign(gamma)
    result = diff_parity(model, migration)
    assert [level.passed for level in result.levels] == [False, False]
    assert any("'net/conv/BatchNorm/gamma'" in line for line in result.weights.different)


def test_a_saturated_output_hides_no_epsilon(graph, saved, rebuilt, renamed):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    net = slim.fully_connected(x, 5, activation_fn=None, scope="fc")
    net = slim.batch_norm(net, scale=True, is_training=False, scope="bn")
    output = tf.nn.softmax(100.0 * net, name="odds")
    migration = convert(saved(), inputs="x:0", outputs=output.name)
    right, _ = run_eagerly(renamed, migration.model)
    assert diff_parity(right, migration).passed
    changed = run_eagerly(lambda: rebuilt(migration.model, "bn", epsilon=0.002))
    wrong, names = run_eagerly(renamed, changed)
    result = diff_parity(wrong, migration)
    assert not result.passed
    assert result.first_difference.layer == names["bn"]
