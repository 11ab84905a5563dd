"""Lookups in a table, of which the rows are counted by NumPy here."""

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly


def _words(dtype, *shape):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(dtype, shape, name="x")


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("shape", [(None,), (None, 4), (None, 2, 3)])
def test_rows_by_number(graph, saved, variable_kind, dtype, shape):
    import tensorflow.compat.v1 as tf

    table = tf.get_variable("words/table", [7, 3])
    net = tf.nn.embedding_lookup(table, _words(dtype, *shape))
    checkpoint = saved()
    migration = convert(checkpoint, inputs=["x:0"], outputs=[net.name])
    assert migration.model.input.dtype == dtype
    numbers = np.random.default_rng(2).integers(0, 7, (5, *shape[1:])).astype(dtype)
    rows = run_eagerly(lambda: np.asarray(migration.model(numbers)))
    np.testing.assert_array_equal(rows, read_checkpoint(checkpoint).read("words/table")[numbers])


def test_the_penalty_of_a_table(graph, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    penalty = slim.l2_regularizer(0.5)
    table = tf.get_variable("words/table", [7, 3], regularizer=penalty)
    net = tf.nn.embedding_lookup(table, _words("int32", None, 4))
    layer = convert(saved(), inputs=["x:0"], outputs=[net.name]).model.get_layer("words")
    assert (layer.input_dim, layer.output_dim) == (7, 3)
    assert float(layer.embeddings_regularizer.l2) == 0.25


def test_a_lookup_along_another_axis_is_refused(graph, saved):
    import tensorflow.compat.v1 as tf

    net = tf.gather(tf.get_variable("table", [7, 3]), _words("int32", None), axis=1)
    with pytest.raises(UnsupportedOpError, match="GatherV2"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])
