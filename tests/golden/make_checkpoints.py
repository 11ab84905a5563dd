"""Writes tests/golden/checkpoints/: both versions of the format, with all that a reader can meet.

Run it with TensorFlow 1.15.5 on Python 3.7. No slimfix: its reader is held against these files.
"""

import os
import shutil

import numpy as np
import tensorflow.compat.v1 as tf

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoints")
PLAIN = [
    "float32",
    "float64",
    "float16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "complex64",
    "complex128",
    "bool",
]
QUANTIZED = ["qint8", "quint8", "qint32"]
ONLY_V2 = ["bfloat16", "uint32", "uint64", "qint16", "quint16"]


def value_of(dtype):
    """Distinct values, negative ones where the dtype has them."""
    numbers = np.arange(-3, 11).reshape(2, 7)
    if dtype.is_quantized:
        return numbers.astype(dtype.as_numpy_dtype[0]).view(dtype.as_numpy_dtype)
    if dtype.is_complex:
        return (numbers / 3 + 1j * numbers).astype(dtype.as_numpy_dtype)
    if dtype.is_floating:
        return (numbers / 3).astype(np.float32).astype(dtype.as_numpy_dtype)
    return numbers.astype(dtype.as_numpy_dtype)


def values_of(names):
    """A value of each dtype, and the shapes and texts that are special."""
    values = {name: value_of(tf.as_dtype(name)) for name in names}
    words = [b"one", b"", b"\x00\xff\xfe", b"w" * 200, "größe".encode(), b"six"]
    values.update(
        {
            "scalar": np.float32(2.5),
            "global_step": np.int64(-(2**40) - 1),
            "empty": np.zeros([0, 3], np.float32),
            "odd": np.array([1e-45, -0.0, np.nan, np.inf, 1e-36], np.float32),
            "rank6": np.arange(24, dtype=np.int32).reshape(1, 2, 3, 1, 4, 1),
            "words": np.array(words, object).reshape(2, 3),
            "word": np.array(b"x\x00", object),
            "no_words": np.zeros([0], object),
            "larger": (np.arange(1200) / 8).astype(np.float32).reshape(40, 30),
            "none\u2019s/ascii": np.array([7, -7], np.int64),
        }
    )
    for number in range(40):
        values[f"tower_0/block{number % 4}/unit_{number:02}/BatchNorm/moving_mean"] = np.float64(
            number + 0.5
        )
    return values


def write_v2(prefix):
    values = values_of(PLAIN + QUANTIZED + ONLY_V2)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = {tf.placeholder(dtype_of(name, v), v.shape): v for name, v in values.items()}
        save = tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=list(values),
            shape_and_slices=[""] * len(values),
            tensors=list(fed),
        )
        session.run(save, fed)


def write_v1(prefix):
    values = values_of(PLAIN + QUANTIZED)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = {tf.placeholder(dtype_of(name, v), v.shape): v for name, v in values.items()}
        save = tf.raw_ops.Save(filename=prefix, tensor_names=list(values), data=list(fed))
        session.run(save, fed)


def dtype_of(name, value):
    known = PLAIN + QUANTIZED + ONLY_V2
    return tf.as_dtype(name if name in known else value.dtype)


def write_parts(prefix, version, sharded):
    """A Saver's checkpoint of variables in parts, on two devices."""
    config = tf.ConfigProto(device_count={"CPU": 2})
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        for device, rows in (("/cpu:0", 7), ("/cpu:1", 5)):
            with tf.device(device), tf.variable_scope("net" + device[-1]):
                tf.get_variable("table", [rows, 3], partitioner=tf.fixed_size_partitioner(3))
                tf.get_variable(
                    "columns", [2, rows], tf.int64, partitioner=tf.fixed_size_partitioner(2, axis=1)
                )
                tf.get_variable("whole", [rows], tf.float64)
                tf.get_variable("flags", initializer=[True, False, True], trainable=False)
                tf.get_variable("words", initializer=["one" + device, "", "two"])
        with tf.device(lambda op: "/cpu:1" if "part_1" in op.name else "/cpu:0"):
            # Its parts come into two files where the Saver is sharded.
            tf.get_variable("apart", [4, 2], partitioner=tf.fixed_size_partitioner(2))
        session.run(tf.global_variables_initializer())
        for index, part in enumerate(tf.global_variables()):
            if part.dtype.base_dtype.is_floating or part.dtype.base_dtype.is_integer:
                size = part.shape.num_elements()
                part.load(np.arange(size).reshape(part.shape) + 100 * index, session)
        saver = tf.train.Saver(write_version=version, sharded=sharded)
        saver.save(session, prefix, write_meta_graph=False, write_state=False)


WRITERS = {
    "v1": write_v1,
    "v2": write_v2,
    "v1_parts": lambda prefix: write_parts(prefix, tf.train.SaverDef.V1, False),
    "v1_sharded": lambda prefix: write_parts(prefix, tf.train.SaverDef.V1, True),
    "v2_parts": lambda prefix: write_parts(prefix, tf.train.SaverDef.V2, False),
    "v2_sharded": lambda prefix: write_parts(prefix, tf.train.SaverDef.V2, True),
}


if __name__ == "__main__":
    tf.logging.set_verbosity("ERROR")
    for name, write in WRITERS.items():
        folder = os.path.join(OUT, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        write(os.path.join(folder, "model.ckpt"))
