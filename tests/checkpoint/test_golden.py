"""What slimfix reads of every golden checkpoint is, to the bit, what TensorFlow's reader gives."""

import glob
import os
import re

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint

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
