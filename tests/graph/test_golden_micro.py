"""Batch norm through slimfix.slim trains as TensorFlow 1.15 recorded it, from its checkpoints."""

import os

import numpy as np
import pytest

from slimfix import slim

MICRO = os.path.join(os.path.dirname(os.path.dirname(__file__)), "golden", "micro")
# The arguments of slim.batch_norm, as tests/golden/README.md gives them.
WORDS = {
    "default": {},
    "scale": {"scale": True},
    "no_center": {"center": False},
    "no_center_scale": {"center": False, "scale": True},
    "epsilon_1e5": {"epsilon": 1e-5},
    "unfused": {"fused": False},
    "unfused_scale": {"fused": False, "scale": True},
    "zero_debias": {"zero_debias_moving_mean": True},
    "renorm": {"renorm": True},
    "updates_none": {"updates_collections": None},
    "updates_none_unfused": {"updates_collections": None, "fused": False},
    "batch_weights": {"batch_weights": [0.4, 1.7, 0.9, 2.3]},
    "const_inference": {"is_training": False},
}
SLOWER = ("rank4_scale", "rank4_unfused_scale", "rank2_scale", "rank2_zero_debias")


def build_variant(name):
    """Returns (x, is_training or None, output)."""
    import tensorflow.compat.v1 as tf

    rank, _, words = name.partition("_")
    arguments = dict(WORDS[words], decay=0.97 if name in SLOWER else 0.9)
    is_training = None
    if "is_training" not in arguments:
        is_training = arguments["is_training"] = tf.placeholder(tf.bool, [])
    options = {
        "activation_fn": None,
        "normalizer_fn": slim.batch_norm,
        "normalizer_params": arguments,
    }
    with tf.variable_scope("net"):
        if rank == "rank4":
            x = tf.placeholder(tf.float32, [4, 5, 3, 2])
            y = slim.conv2d(x, 4, [3, 2], padding="VALID", scope="conv", **options)
        else:
            x = tf.placeholder(tf.float32, [5, 6])
            y = slim.fully_connected(x, 4, scope="fc", **options)
    return x, is_training, y


@pytest.mark.parametrize("name", sorted(os.listdir(MICRO)))
def test_three_steps_follow_the_recording(graph, variable_kind, name):
    import tensorflow.compat.v1 as tf

    recorded = np.load(os.path.join(MICRO, name, "training.npz"))
    x, is_training, y = build_variant(name)
    gradient = tf.gradients(tf.reduce_sum(y * recorded["cotangent"]), x)[0]
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    statistics = set(tf.global_variables()) - set(tf.trainable_variables())
    with tf.Session() as session:
        tf.train.Saver().restore(session, os.path.join(MICRO, name, "model.ckpt"))
        for step in ("step1/", "step2/", "step3/"):
            feed = {x: recorded[step + "input"]}
            if is_training is not None:
                feed[is_training] = True
            value, slope, _ = session.run([y, gradient, updates], feed)
            close(value, recorded[step + "output"])
            close(slope, recorded[step + "gradient/x:0"])
            found = {each.op.name: value for each, value in run_all(session, statistics)}
            prefix = step + "variable/"
            wanted = [key[len(prefix) :] for key in recorded.files if key.startswith(prefix)]
            assert sorted(found) == sorted(wanted)
            for key, value in found.items():
                close(value, recorded[prefix + key])


def run_all(session, variables):
    ordered = sorted(variables, key=lambda each: each.op.name)
    return zip(ordered, session.run(ordered))


def close(found, recorded):
    """float32 on both sides, values of order one."""
    np.testing.assert_allclose(found, recorded, rtol=2e-5, atol=2e-5)
