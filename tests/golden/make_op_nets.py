"""Writes tests/golden/op_nets/: one small network per family of ops, saved and run by TensorFlow 1.

Only tensorflow 1.15 and tf.contrib.slim are used: golden data must not come from slimfix itself.
Run it with Python 3.7 from anywhere; names write only these nets:
python tests/golden/make_op_nets.py [NAME ...]
"""

import os
import sys
import zlib

import numpy as np
import recording
import tensorflow as tf
from nets_basic import NETS as BASIC
from nets_kernels import NETS as KERNELS
from nets_ops import NETS as OPS

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "op_nets")
# Name -> function that builds the net in the default graph and returns its output tensors.
NETS = {**BASIC, **KERNELS, **OPS}
BATCH = 3


def build_value(random, variable):
    """Returns distinct values of a variable's shape and dtype, none of them near zero."""
    shape, dtype = variable.shape.as_list(), variable.dtype.as_numpy_dtype
    magnitude = random.uniform(0.25, 1.0, shape)
    if "variance" in variable.op.name:
        return magnitude.astype(dtype)
    return (magnitude * random.choice([-1.0, 1.0], shape)).astype(dtype)


def build_input(random, placeholder):
    """Returns a batch for a placeholder; sizes that it leaves open are BATCH, then 6."""
    open_sizes = [BATCH] + [6] * 8
    sizes = zip(placeholder.shape.as_list(), open_sizes)
    shape = [other if size is None else size for size, other in sizes]
    dtype = placeholder.dtype.as_numpy_dtype
    if placeholder.dtype.is_integer:
        return random.randint(0, 5, shape).astype(dtype)
    return random.normal(size=shape).astype(dtype)


def write_net(name):
    """Writes `op_nets/<name>/`: the checkpoint, its graph and recording.npz."""
    directory = os.path.join(OUT, name)
    if not os.path.isdir(directory):
        os.makedirs(directory)
    random = np.random.RandomState(zlib.crc32(name.encode("utf-8")) % 2**31)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        outputs = [tensor.name for tensor in NETS[name]()]
        placeholders = [op.outputs[0] for op in graph.get_operations() if op.type == "Placeholder"]
        inputs = {
            tensor.name: build_input(random, tensor)
            for tensor in placeholders
            if tensor.dtype != tf.bool
        }
        switches = {tensor.name: False for tensor in placeholders if tensor.dtype == tf.bool}
        if not tf.global_variables():
            tf.get_variable("unread", [2])  # A Saver refuses to save nothing.
        for variable in tf.global_variables():
            variable.load(build_value(random, variable), session)
        tf.train.Saver().save(session, os.path.join(directory, "model.ckpt"), write_state=False)
        recording.write_recording(directory, session, inputs, outputs, switches)
        print(name, outputs)


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    for net in sys.argv[1:] or sorted(NETS):
        write_net(net)
