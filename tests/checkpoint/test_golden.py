"""What slimfix reads of every golden checkpoint is, to the bit, what TensorFlow's reader gives."""

import glob
import os
import re

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.checkpoint.table import Table
from slimfix.dtypes import OF_ML

V2 = sorted(path[: -len(".index")] for path in glob.glob("tests/golden/**/*.index", recursive=True))
# Version 1 is one file with no ending that numbers shards, or several with one.
V1 = sorted(
    {
        re.sub(r"-\d{5}-of-(\d{5})$", r"-?????-of-\1", path)
        for path in glob.glob("tests/golden/checkpoints/v1*/model.ckpt*")
    }
)


def test_there_are_checkpoints_of_both_versions():
    assert len(V2) >= 74
    assert len(V1) >= 3


@pytest.mark.parametrize("prefix", V2 + V1)
def test_every_value_is_the_one_that_tensorflow_reads(prefix):
    names = assert_same_as_tensorflow(prefix)
    assert names


def assert_same_as_tensorflow(prefix):
    """Holds names, shapes, dtypes and bytes against tf.train.load_checkpoint."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    checkpoint = read_checkpoint(prefix)
    assert list(checkpoint.variables) == sorted(shapes)
    for name, spec in checkpoint.variables.items():
        assert (spec.name, list(spec.shape), spec.dtype) == (name, shapes[name], dtypes[name].name)
        found, wanted = checkpoint.read(name), wanted_value(reader, prefix, name, dtypes[name])
        assert type(found) is type(wanted), name
        assert np.shape(found) == np.shape(wanted)
        if spec.dtype == "string":
            assert np.asarray(found, object).tolist() == np.asarray(wanted, object).tolist()
        else:
            assert found.dtype == wanted.dtype
            assert found.tobytes() == wanted.tobytes(), name
    return list(checkpoint.variables)


def wanted_value(reader, prefix, name, dtype):
    """Of version 1 its reader does not join parts, nor on 1.15 read a bool; its op does."""
    import tensorflow as tf

    if os.path.exists(prefix + ".index"):
        return reader.get_tensor(name)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        return session.run(
            tf.raw_ops.RestoreV2(
                prefix=prefix, tensor_names=[name], shape_and_slices=[""], dtypes=[dtype]
            )[0]
        )


def write(prefix, values):
    """Writes a checkpoint of version 2 with TensorFlow alone."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        fed = {tf.placeholder(value.dtype, value.shape): value for value in values.values()}
        save = tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=list(values),
            shape_and_slices=[""] * len(values),
            tensors=list(fed),
        )
        session.run(save, fed)


def test_an_index_of_several_blocks(tmp_path):
    names = [f"tower/block{n % 7}/unit_{n:05}/BatchNorm/moving_variance/Ema" for n in range(7000)]
    values = {name: np.arange(n % 3, dtype=np.float32) + n for n, name in enumerate(names)}
    prefix = str(tmp_path / "model.ckpt")
    write(prefix, values)
    assert len(Table(f"{prefix}.index")._handles) > 1
    checkpoint = read_checkpoint(prefix)
    assert list(checkpoint.variables) == sorted(names)
    for name in names[::97]:
        np.testing.assert_array_equal(checkpoint.read(name), values[name])


@pytest.mark.parametrize("kind", ["SaveV2", "Save"])
def test_values_larger_than_a_block(tmp_path, kind):
    """Of version 1 in several blocks, of version 2 in several chunks."""
    import tensorflow.compat.v1 as tf

    prefix = str(tmp_path / "model.ckpt")
    values = {f"large{n}": np.arange(300000.0).reshape(500, 600) + n for n in range(3)}
    values["numbers"] = np.arange(-150000, 150000).astype(np.int32) * 7001
    if kind == "SaveV2":
        write(prefix, values)
    else:
        with tf.Graph().as_default(), tf.Session() as session:
            fed = {tf.placeholder(value.dtype, value.shape): value for value in values.values()}
            save = tf.raw_ops.Save(filename=prefix, tensor_names=list(values), data=list(fed))
            session.run(save, fed)
        assert len(Table(prefix)._handles) > 1
    checkpoint = read_checkpoint(prefix)
    for name, value in values.items():
        found = checkpoint.read(name)
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert found.tobytes() == value.tobytes()


def test_what_was_read_belongs_to_the_caller(tmp_path):
    prefix = str(tmp_path / "model.ckpt")
    write(prefix, {"weights": np.arange(6, dtype=np.float32)})
    checkpoint = read_checkpoint(prefix)
    checkpoint.read("weights")[:] = -1
    assert checkpoint.read("weights").tolist() == [0, 1, 2, 3, 4, 5]


def test_a_checkpoint_of_objects(tmp_path):
    """tf.train.Checkpoint stores its graph of objects as a string."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        weights = tf.Variable([[1.5, -2.5, 3.5]])
        step = tf.Variable(7, dtype=tf.int64)
        session.run(tf.compat.v1.global_variables_initializer())
        checkpoint = tf.train.Checkpoint(weights=weights, step=step)
        prefix = checkpoint.save(str(tmp_path / "model"))
    names = assert_same_as_tensorflow(prefix)
    assert "_CHECKPOINTABLE_OBJECT_GRAPH" in names
    found = read_checkpoint(prefix).read("weights/.ATTRIBUTES/VARIABLE_VALUE")
    assert found.tolist() == [[1.5, -2.5, 3.5]]


def test_every_small_dtype_that_this_tensorflow_has(tmp_path):
    import tensorflow as tf

    here = {name: getattr(tf, name, None) for name in OF_ML}
    here = {name: dtype for name, dtype in here.items() if dtype is not None}
    assert "bfloat16" in here
    values = {
        name: np.array([1, -1, 0, 1, 1]).astype(np.float32).astype(dtype.as_numpy_dtype)
        for name, dtype in here.items()
    }
    prefix = str(tmp_path / "model.ckpt")
    write(prefix, values)
    assert_same_as_tensorflow(prefix)
