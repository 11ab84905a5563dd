"""What would pass without a proof is refused, with a way out; what only looks like it passes."""

import dataclasses

import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.migration import convert
from slimfix.parity import Level, diff_parity, read_recording
from slimfix.reference.optimizers import Optimizer

TRAINING = (Level.TRAINING, Level.GRADIENTS)


@pytest.fixture(scope="module")
def recording():
    return read_recording("tests/golden/digits/good/training_recording.npz")


@pytest.fixture
def images():
    return np.random.default_rng(5).normal(size=(8, 8, 8, 1)).astype(np.float32)


def refused(migration, *arguments, **more):
    with pytest.raises(UsageError, match=r"^Nothing can be proved") as caught:
        diff_parity(migration.model, migration, *arguments, **more)
    assert "\nFix: " in str(caught.value)
    return str(caught.value)


# Data.


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (np.zeros_like, "input 'images:0': each of its 512 values is 0.0"),
        (lambda x: np.full_like(x, 0.25), "input 'images:0': each of its 512 values is 0.25"),
        (
            lambda x: x * np.float32(1e-30),
            "output 'digits/logits/BiasAdd:0': the same for each of 8 samples, which differ",
        ),
    ],
)
def test_data_that_tell_nothing(good, images, spoil, line):
    text = refused(good, data=spoil(images))
    assert text.startswith("Nothing can be proved on these data: another network might give the")
    assert line in text and "leave data out: inputs are drawn then" in text
    assert diff_parity(good.model, good).passed


def test_one_sample_is_enough_for_inference_and_not_for_training(good, images):
    repeated = np.repeat(images[:1], 8, 0)
    assert diff_parity(good.model, good, data=images[:1]).passed
    assert diff_parity(good.model, good, data=repeated).passed
    text = refused(good, levels=TRAINING, data=repeated)
    assert "input 'images:0': 4 times one sample" in text
    text = refused(good, levels=[Level.TRAINING], data=images[:1])
    assert "'digits/fc4/BatchNorm/moving_variance': one element" in text


def test_a_first_batch_that_tells_nothing(good, images):
    empty = np.concatenate([np.zeros_like(images), images])
    assert diff_parity(good.model, good, data=empty).passed
    assert "each of its 256 values is 0.0" in refused(good, levels=TRAINING, data=empty)


def test_ids_that_are_all_one(graph, saved):
    import tensorflow.compat.v1 as tf

    ids = tf.placeholder(tf.int32, [None, 3], name="ids")
    looked_up = tf.nn.embedding_lookup(tf.get_variable("table", [7, 4]), ids)
    output = tf.reduce_sum(looked_up, 1)
    migration = convert(saved(), inputs="ids:0", outputs=output.name)
    given = np.full((4, 3), 2, np.int32)
    assert "each of its 12 values is 2" in refused(migration, data=given)
    given[1, 1] = 3
    assert diff_parity(migration.model, migration, data=given).passed


def test_one_feature_and_a_mask_are_data(graph, saved):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 1], name="x")
    mask = tf.placeholder(tf.bool, [None, 1], name="mask")
    output = tf.get_variable("a", [1]) * x * tf.cast(mask, tf.float32)
    migration = convert(saved(), inputs=["x:0", "mask:0"], outputs=output.name)
    for samples in (1, 2):
        given = {"x:0": np.float32([[0.5], [2.0]])[:samples], "mask:0": np.ones((samples, 1), bool)}
        assert diff_parity(migration.model, migration, data=given).passed


def test_an_output_that_no_input_changes_beside_one_that_all_do(graph, saved):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    boxes = tf.identity(x * 0.0 + tf.get_variable("boxes", [3]), name="found")
    outputs = [boxes.name, tf.multiply(x, tf.get_variable("b", [3]), name="out").name]
    migration = convert(saved(), inputs="x:0", outputs=outputs)
    given = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    assert diff_parity(migration.model, migration, data=given).passed


# Recordings.


@pytest.mark.parametrize(
    ("spoil", "levels", "line"),
    [
        (
            lambda r: {"inputs": {"images:0": np.zeros_like(r.inputs["images:0"])}},
            (),
            "each of its 512 values is 0.0",
        ),
        (
            lambda r: {"cotangents": {n: np.zeros_like(v) for n, v in r.cotangents.items()}},
            TRAINING,
            "cotangent of 'digits/logits/BiasAdd:0': zero throughout in 10 of 10 channels",
        ),
        (
            lambda r: {"cotangents": {n: v * np.eye(1, 10) for n, v in r.cotangents.items()}},
            TRAINING,
            "cotangent of 'digits/logits/BiasAdd:0': zero throughout in 9 of 10 channels",
        ),
        (
            lambda r: {"cotangents": {n: v * np.float32(np.nan) for n, v in r.cotangents.items()}},
            TRAINING,
            "cotangent of 'digits/logits/BiasAdd:0': some values are not finite",
        ),
        (
            lambda r: {
                "trajectory": dataclasses.replace(
                    r.trajectory,
                    inputs={n: np.ones_like(v) for n, v in r.trajectory.inputs.items()},
                )
            },
            [Level.TRAJECTORY],
            "values is 1.0",
        ),
    ],
)
def test_recordings_that_tell_nothing(good, recording, spoil, levels, line):
    changed = dataclasses.replace(recording, **spoil(recording))
    text = refused(good, changed, levels)
    assert text.startswith("Nothing can be proved on recording 'tests/golden/digits/good/")
    assert line in text and "record again" in text


# Training.


@pytest.fixture
def net(graph, saved):
    """A layer, behind it a ReLU that is on or off for all inputs, and one more layer."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    def make(dead):
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        with slim.arg_scope([slim.fully_connected], weights_regularizer=slim.l2_regularizer(0.1)):
            hidden = slim.fully_connected(x, 4, activation_fn=None, scope="one")
            hidden = tf.nn.relu(hidden - 1e6 if dead else hidden + 1e6)
            output = tf.matmul(hidden, tf.ones([4, 2]))
        return convert(saved(), inputs="x:0", outputs=output.name)

    return make


@pytest.mark.parametrize("dead", [False, True])
def test_gradients_behind_a_dead_relu(net, dead):
    migration = net(dead)
    if not dead:
        levels = (Level.GRADIENTS, Level.TRAJECTORY)
        assert diff_parity(migration.model, migration, levels=levels, steps=2).passed
        return
    text = refused(migration, levels=[Level.GRADIENTS])
    assert text.startswith("Nothing can be proved at L3: all 2 gradients are zero:")
    assert "'one/weights'" in text and "leave L3 out" in text
    # Penalties move the weights, and the loss goes down.
    text = refused(migration, levels=[Level.TRAJECTORY], steps=2)
    assert text.startswith("Nothing can be proved at L4: the outputs do not depend on any weight")
    assert diff_parity(migration.model, migration, levels=[Level.TRAINING]).passed


def test_nothing_that_has_a_gradient(graph, saved):
    import tensorflow.compat.v1 as tf

    ids = tf.placeholder(tf.int32, [None, 3], name="ids")
    table = tf.get_variable("table", [7, 4], trainable=False)
    output = tf.reduce_sum(tf.nn.embedding_lookup(table, ids), 1)
    tf.get_variable("other", [2])
    migration = convert(saved(), inputs="ids:0", outputs=output.name)
    text = refused(migration, levels=[Level.GRADIENTS])
    assert text.startswith("Nothing can be proved at L3: the network has no gradient")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"steps": 0}, "at L4: 0 steps on 4 batches"),
        ({"optimizer": Optimizer("sgd", 0.0)}, "at L4: sgd(learning_rate=0) moved no weight by"),
        ({"optimizer": Optimizer("sgd", 1e-12)}, "at L4: sgd(learning_rate=1e-12) moved no weight"),
        ({"optimizer": Optimizer("adam", 1e-12)}, "at L4: adam(learning_rate=1e-12) moved no"),
    ],
)
def test_steps_that_move_nothing(good, more, line):
    text = refused(good, levels=[Level.TRAJECTORY], **{"steps": 2, **more})
    assert line in text
    assert diff_parity(good.model, good, levels=[Level.TRAJECTORY], steps=1).passed
