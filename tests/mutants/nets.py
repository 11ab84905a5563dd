"""The five networks that are migrated wrong on purpose, and right."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Callable, Mapping

import numpy as np

from slimfix.migration import convert
from slimfix.migration.build import build_model, load_weights
from slimfix.migration.conversion import Migration
from slimfix.migration.eager import run_eagerly
from slimfix.migration.records import ModelPlan
from slimfix.parity import read_recording
from tests.mutants.training_graphs import fresh_graph, save, train

_GOLDEN = "tests/golden"


@dataclasses.dataclass(frozen=True)
class Net:
    """One network, migrated.

    Attributes:
      name: for the table.
      migration: the right one.
      arguments: of `convert`, beside the checkpoint.
      convert: migrates it again with other arguments in the place of some.
      recording: what TensorFlow 1.15.5 recorded of it; None where it was not asked.
    """

    name: str
    migration: Migration
    arguments: Mapping[str, Any]
    convert: Callable[..., Migration]
    recording: Any = None

    def build(
        self, plan: ModelPlan | None = None, values: Mapping[str, np.ndarray] | None = None
    ) -> Any:
        """Returns the Keras model that a wrong converter would give.

        Args:
          plan: the layers; None for the right ones.
          values: float32, by name of the variable; the right ones where it says nothing.
        """
        plan, values = plan or self.migration.plan, values or {}

        def read(name: str) -> np.ndarray:
            if name in values:
                return np.asarray(values[name], np.float32)
            return self.migration.read(name)

        model = run_eagerly(build_model, plan, self.migration.model.name)
        run_eagerly(load_weights, model, plan, read)
        return model


def digits(folder: str) -> Net:
    """The trained network of scripts/digits_net.py, as TensorFlow 1.15.5 saved and ran it."""
    home = f"{_GOLDEN}/digits/good"
    return migrate("digits", f"{home}/model.ckpt", read_recording(f"{home}/recording.npz"))


def averages(folder: str) -> Net:
    """Written by TensorFlow 1.15.5: is_training=True for good, and moving averages."""
    return migrate("averages", f"{_GOLDEN}/forms/moving_averages/model.ckpt", values="shadow")


def residual(folder: str) -> Net:
    """Channels first, as a residual network of slim: explicit padding, SAME strides, sums."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    with fresh_graph() as graph:
        images = tf.placeholder(tf.float32, [None, 3, 13, 12], name="images")
        is_training = tf.placeholder(tf.bool, [], name="is_training")
        first = {"data_format": "NCHW"}
        normalise = {"decay": 0.997, "epsilon": 1e-5, "scale": True, "is_training": is_training}
        with slim.arg_scope(
            [slim.conv2d],
            weights_regularizer=slim.l2_regularizer(0.002),
            normalizer_fn=slim.batch_norm,
            normalizer_params={**normalise, **first},
        ), slim.arg_scope([slim.conv2d, slim.max_pool2d, slim.avg_pool2d], **first):
            frozen = {"trainable": False, "normalizer_fn": None, "activation_fn": None}
            net = slim.conv2d(images, 3, 3, scope="frozen", **frozen)
            net = tf.pad(net, [[0, 0], [0, 0], [1, 1], [1, 1]], name="root_pad")
            net = slim.conv2d(net, 6, 3, stride=2, padding="VALID", scope="root")  # conv2d_same
            unit = slim.conv2d(net, 6, 3, rate=2, scope="unit1")
            unit = slim.conv2d(unit, 6, [3, 2], activation_fn=None, scope="unit2")
            net = tf.nn.relu(net + unit, name="sum")
            pooled = slim.max_pool2d(net, 3, stride=2, padding="SAME", scope="pool")
            strided = slim.conv2d(net, 4, 3, stride=2, scope="strided")
            net = tf.concat([pooled, strided], 1, name="joined")
            net = slim.avg_pool2d(net, [3, 2], stride=1, padding="SAME", scope="average")
            net = slim.dropout(net, 0.7, is_training=is_training, scope="drop")
            logits = slim.fully_connected(slim.flatten(net), 5, activation_fn=None, scope="logits")
        train(logits)
        return migrate("residual", save(graph, folder), inputs="images:0", outputs=logits.name)


def pair(folder: str) -> Net:
    """Two inputs, two outputs, a branch that both images go through, words, resizing."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    with fresh_graph() as graph:
        left = tf.placeholder(tf.float32, [None, 8, 6, 3], name="left")
        right = tf.placeholder(tf.float32, [None, 8, 6, 3], name="right")
        words = tf.placeholder(tf.int32, [None, 4], name="words")
        sparse = slim.l1_l2_regularizer(0.003, 0.004)
        branches = []
        for image, reuse in ((left, None), (right, True)):
            net = slim.conv2d(
                image,
                6,
                [3, 2],
                stride=2,
                weights_regularizer=sparse,
                biases_regularizer=slim.l2_regularizer(0.005),
                activation_fn=tf.nn.leaky_relu,
                scope="branch",
                reuse=reuse,
            )
            branches.append(net)
        difference = tf.subtract(branches[0], branches[1], name="difference")
        wide = tf.image.resize_bilinear(difference, [9, 7], name="wide")
        wide = slim.separable_conv2d(wide, 4, [3, 2], 2, activation_fn=tf.nn.elu, scope="separable")
        wide = slim.conv2d_transpose(
            wide * 9.0, 3, [3, 4], stride=2, activation_fn=tf.nn.relu6, scope="up"
        )
        looked_up = tf.nn.embedding_lookup(tf.get_variable("table", [7, 3]), words)
        text = slim.fully_connected(
            slim.flatten(looked_up),
            5,
            activation_fn=None,
            weights_regularizer=slim.l1_regularizer(0.006),
            scope="text",
        )
        seen = slim.conv2d(wide, 3, [3, 2], stride=[2, 1], padding="VALID", scope="valid")
        picture = tf.reduce_mean(seen, [1, 2], name="picture")
        both = tf.concat([picture, text], 1, name="both")
        hidden = slim.fully_connected(both, 8, activation_fn=tf.nn.tanh, scope="hidden")
        hidden = slim.fully_connected(hidden, 8, activation_fn=tf.nn.sigmoid, scope="square")
        scores = slim.fully_connected(hidden, 4, activation_fn=None, scope="scores")
        train(scores, wide)
        outputs = [scores.name, wide.name]
        inputs = ["left:0", "right:0", "words:0"]
        return migrate("pair", save(graph, folder), inputs=inputs, outputs=outputs)


def exact(folder: str) -> Net:
    """Every form of slim.batch_norm that slimfix's own layer trains exactly, and a frozen one."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    with fresh_graph() as graph:
        images = tf.placeholder(tf.float32, [None, 7, 4, 4], name="images")
        is_training = tf.placeholder(tf.bool, [], name="is_training")
        plain = {"activation_fn": None, "biases_initializer": None}
        with slim.arg_scope([slim.batch_norm], is_training=is_training, decay=0.999):
            net = slim.conv2d(images, 7, 3, scope="a", **plain)
            net = slim.batch_norm(net, activation_fn=tf.nn.relu, scope="fused")
            net = slim.conv2d(net, 7, [2, 3], scope="b", **plain)
            net = slim.batch_norm(net, scale=True, fused=False, decay=0.93, scope="unfused")
            net = slim.conv2d(tf.nn.relu(net), 5, 3, stride=2, scope="c", **plain)
            net = slim.batch_norm(net, zero_debias_moving_mean=True, decay=0.9, scope="debiased")
            net = slim.separable_conv2d(net, None, [3, 2], 2, scope="d", **plain)
            net = slim.batch_norm(net, center=False, scale=True, epsilon=0.01, scope="uncentred")
            net = slim.conv2d(net, 6, 1, scope="e", **plain)
            net = slim.batch_norm(net, is_training=False, scale=True, scope="frozen")
            net = slim.fully_connected(slim.flatten(net), 6, scope="f")
            net = slim.dropout(net, 0.8, is_training=is_training, scope="drop")
            logits = slim.fully_connected(net, 5, activation_fn=None, scope="logits")
        train(logits)
        prefix = save(graph, folder)
        ends = {"inputs": "images:0", "outputs": logits.name}
        return migrate("exact", prefix, exact_batch_norm=True, **ends)


def migrate(name: str, prefix: str, recording: Any = None, **arguments: Any) -> Net:
    """Returns a network migrated from a checkpoint with these arguments of `convert`."""

    def again(**others: Any) -> Migration:
        return convert(prefix, **{**arguments, **others})

    return Net(name, again(), arguments, again, recording)


BUILDERS: Mapping[str, Callable[[str], Net]] = {
    build.__name__: build for build in (digits, averages, residual, pair, exact)
}


def build_nets(folder: str, names: tuple[str, ...] = ()) -> list[Net]:
    """Returns the networks, or those of these names; what is built is saved below `folder`."""
    nets = []
    for name in names or BUILDERS:
        home = os.path.join(folder, name)
        os.makedirs(home, exist_ok=True)
        nets.append(BUILDERS[name](home))
    return nets
