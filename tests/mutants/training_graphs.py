"""Training graphs of slim, built, given distinct values and saved as people save them."""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import Any, Iterator

import numpy as np

_STEPS = 7  # That training took so far; of zero debiasing too.


@contextlib.contextmanager
def fresh_graph() -> Iterator[Any]:
    """Gives a new default graph with version 1 control flow, as TensorFlow 1 programs have it."""
    import tensorflow.compat.v1 as tf

    was_version_2 = tf.control_flow_v2_enabled()
    tf.disable_control_flow_v2()
    try:
        with tf.Graph().as_default() as graph:
            yield graph
    finally:
        if was_version_2:
            tf.enable_control_flow_v2()


def train(*outputs: Any) -> None:
    """Adds what a training script adds: loss, penalties, train op with momentum, step."""
    import tensorflow.compat.v1 as tf

    import slimfix
    from slimfix import slim

    for output in outputs:
        tf.losses.mean_squared_error(tf.zeros_like(output), output)
    tf.train.get_or_create_global_step()
    optimizer = tf.train.MomentumOptimizer(0.01, 0.9)
    if tf.get_collection(tf.GraphKeys.UPDATE_OPS):
        slimfix.create_train_op(tf.losses.get_total_loss(), optimizer)
    else:
        slim.learning.create_train_op(tf.losses.get_total_loss(), optimizer)


def save(graph: Any, folder: str) -> str:
    """Saves the graph with distinct values for all its variables; returns the prefix."""
    import tensorflow.compat.v1 as tf

    with tf.Session(graph=graph) as session:
        for variable in tf.global_variables():
            session.run(variable.initializer, {variable.initializer.inputs[1]: _value(variable)})
        return tf.train.Saver().save(session, os.path.join(folder, "model.ckpt"))


def _value(variable: Any) -> np.ndarray:
    """Returns values that keep a deep network alive: kernels as large as their fan-in allows.

    They depend on the name alone. None is 0 or 1, and all are distinct.
    """
    name, shape = variable.op.name, variable.shape.as_list()
    if variable.dtype.base_dtype.is_integer or name.endswith("local_step"):
        return np.full(shape, _STEPS)
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    size = generator.uniform(0.4, 1.6, shape)
    if "variance" in name:
        return size
    signed = size * generator.choice([-1, 1], shape)
    if name.endswith("gamma"):
        return np.where(signed < 0, size * 0.9, size)
    if len(shape) < 2:
        return signed * 0.3
    return signed / np.sqrt(max(1, int(np.prod(shape[:-1]))))
