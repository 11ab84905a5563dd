"""Writes tests/golden/micro/: one tiny batch-norm network per way that slim builds the layer.

Only tensorflow 1.15 and tf.contrib.slim are used: golden data must not come from slimfix itself.
Run it with Python 3.7 from anywhere: python tests/golden/make_micro.py
"""

import os
import zlib

import numpy as np
import recording
import tensorflow as tf
from batch_norm_cases import VALUES
from tensorflow.contrib import slim

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "micro")
STEPS = (1, 2, 3)
BATCH_WEIGHTS = [0.4, 1.7, 0.9, 2.3]
# Variant: arguments of slim.batch_norm. The name's head says which layer stands before it.
VARIANTS = {
    "rank4_default": {},
    "rank4_scale": {"scale": True, "decay": 0.97},
    "rank4_no_center": {"center": False},
    "rank4_no_center_scale": {"center": False, "scale": True},
    "rank4_epsilon_1e5": {"epsilon": 1e-5},
    "rank4_unfused": {"fused": False},
    "rank4_unfused_scale": {"fused": False, "scale": True, "decay": 0.97},
    "rank4_zero_debias": {"zero_debias_moving_mean": True},
    "rank4_renorm": {"renorm": True},
    "rank4_updates_none": {"updates_collections": None},
    "rank4_updates_none_unfused": {"updates_collections": None, "fused": False},
    "rank4_batch_weights": {"batch_weights": BATCH_WEIGHTS},
    "rank4_const_inference": {"is_training": False},
    "rank2_default": {},
    "rank2_scale": {"scale": True, "decay": 0.97},
    "rank2_no_center": {"center": False},
    "rank2_unfused": {"fused": False},
    "rank2_zero_debias": {"zero_debias_moving_mean": True, "decay": 0.97},
    "rank2_renorm": {"renorm": True},
    "rank2_updates_none": {"updates_collections": None},
    "rank2_epsilon_1e5": {"epsilon": 1e-5},
}


def build_network(name):
    """Builds variant `name` in the default graph; returns its output tensor."""
    arguments = dict({"decay": 0.9}, **VARIANTS[name])
    if "is_training" not in arguments:
        arguments["is_training"] = tf.placeholder(tf.bool, [], name="is_training")
    # batch_weights hold one weight for each image, so that graph runs with one batch size only.
    batch = 4 if "batch_weights" in arguments else None
    layer = {
        "activation_fn": None,
        "normalizer_fn": slim.batch_norm,
        "normalizer_params": arguments,
    }
    if name.startswith("rank4"):
        x = tf.placeholder(tf.float32, [batch, 5, 3, 2], name="x")
        with tf.variable_scope("net"):
            return slim.conv2d(x, 4, [3, 2], padding="VALID", scope="conv", **layer)
    x = tf.placeholder(tf.float32, [batch, 6], name="x")
    with tf.variable_scope("net"):
        return slim.fully_connected(x, 4, scope="fc", **layer)


def build_value(variable):
    """Returns a variable's initial value: float32, of the variable's shape."""
    role = variable.op.name.split("/")[-1]
    if role == "weights":
        shape = variable.shape.as_list()
        values = np.linspace(-0.85, 0.95, int(np.prod(shape)))
        return np.random.RandomState(3).permutation(values).reshape(shape).astype(np.float32)
    return np.array(VALUES[role], np.float32)


def build_batch(name, step):
    """Returns the input of one step (0 is the recording's): float32 [4, 5, 3, 2] or [5, 6]."""
    random = np.random.RandomState((zlib.crc32(name.encode("utf-8")) + step) % 2**31)
    shape = (4, 5, 3, 2) if name.startswith("rank4") else (5, 6)
    return (random.normal(size=shape) * (1 + 0.3 * step) + 0.2 * step).astype(np.float32)


def run_steps(session, output, name, switch):
    """Returns the arrays of training.npz: three training steps that move statistics only."""
    graph = session.graph
    update_ops = graph.get_collection(tf.GraphKeys.UPDATE_OPS)
    trainable = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    statistics = [
        variable
        for variable in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        if variable not in trainable
    ]
    shape = session.run(tf.shape(output), dict({"x:0": build_batch(name, 0)}, **switch(False)))
    cotangent = (
        np.random.RandomState(4)
        .permutation(np.linspace(-1.3, 1.7, int(np.prod(shape))))
        .reshape(shape)
        .astype(np.float32)
    )
    targets = {variable.op.name: variable for variable in trainable}
    targets["x:0"] = graph.get_tensor_by_name("x:0")
    names = sorted(targets)
    gradients = tf.gradients(tf.reduce_sum(output * cotangent), [targets[key] for key in names])
    arrays = {"cotangent": cotangent}
    for step in STEPS:
        batch = build_batch(name, step)
        # In training mode nothing here reads a statistic that the same run writes, so output,
        # gradients and updates may share it; with updates_collections=None they have to.
        value, slopes, _ = session.run(
            [output, gradients, update_ops], dict({"x:0": batch}, **switch(True))
        )
        prefix = f"step{step}/"
        arrays[prefix + "input"], arrays[prefix + "output"] = batch, value
        for key, slope in zip(names, slopes):
            arrays[prefix + "gradient/" + key] = slope
        for variable in statistics:
            arrays[prefix + "variable/" + variable.op.name] = session.run(variable)
    return arrays


def write_variant(name):
    """Writes `micro/<name>/`: the checkpoint, recording.npz and training.npz."""
    directory = os.path.join(OUT, name)
    if not os.path.isdir(directory):
        os.makedirs(directory)

    def switch(is_training):
        """Returns the feed that selects the mode; a constant network has no placeholder."""
        return {} if "is_training" in VARIANTS[name] else {"is_training:0": is_training}

    with tf.Graph().as_default(), tf.Session() as session:
        output = build_network(name)
        saver = tf.train.Saver()
        for variable in tf.global_variables():
            variable.load(build_value(variable), session)
        saver.save(session, os.path.join(directory, "model.ckpt"), write_state=False)
        recording.write_recording(
            directory,
            session,
            inputs={"x:0": build_batch(name, 0)},
            outputs=[output.name],
            switches=switch(False),
        )
        np.savez_compressed(
            os.path.join(directory, "training.npz"), **run_steps(session, output, name, switch)
        )
        print(name, output.name, [variable.op.name for variable in tf.global_variables()])


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    for variant in VARIANTS:
        write_variant(variant)
