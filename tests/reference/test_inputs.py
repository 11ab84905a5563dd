"""Drawn inputs are of a kind and size that the network takes."""

import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.graphdef.functions import inline_functions
from slimfix.graphdef.view import GraphView
from slimfix.reference.inputs import InputSpec, draw_inputs

EMPTY = GraphView([])


def record(shape, dtype="float32", tensor="x:0"):
    return InputSpec(tensor, shape, dtype)


def draw(*records, view=EMPTY, takes=lambda drawn: True):
    return draw_inputs(records, view, takes)


def test_floats_are_normal_with_a_scale_for_each_sample():
    value = draw(record((None, 50, 40, 3)))["x:0"]
    assert (value.dtype, value.shape) == (np.float32, (2, 50, 40, 3))
    np.testing.assert_allclose(value.std((1, 2, 3)), [0.5, 4.0], rtol=0.05)
    np.testing.assert_array_equal(value, draw(record((None, 50, 40, 3)))["x:0"])


def test_several_inputs_have_one_batch_size():
    drawn = draw(record((None, 4)), record((5, 3), tensor="y:0"), record((None,), tensor="z:0"))
    assert {name: value.shape for name, value in drawn.items()} == {
        "x:0": (5, 4),
        "y:0": (5, 3),
        "z:0": (5,),
    }


def test_inputs_of_one_shape_are_not_alike():
    """Else a model with two of them swapped, or their difference, would prove nothing."""
    drawn = draw(record((None, 4)), record((None, 4), tensor="y:0"))
    assert not np.any(drawn["x:0"] == drawn["y:0"])


def test_bytes_are_those_of_images_and_booleans_are_either():
    value = draw(record((None, 40, 50, 3), "uint8"))["x:0"]
    assert value.dtype == np.uint8
    assert (value.min(), value.max()) == (0, 255)
    assert set(np.unique(draw(record((None, 40), "bool"))["x:0"])) == {False, True}


@pytest.mark.parametrize("resource", [False, True])
def test_ids_are_below_the_smallest_table_that_they_look_up(graph, resource):
    import tensorflow.compat.v1 as tf

    ids = tf.placeholder(tf.int64, [None, 300], name="x")
    for name, rows in (("small", 7), ("large", 90), ("unread", 3)):
        table = tf.get_variable(name, [rows, 2], use_resource=resource)
        if name != "unread":
            tf.nn.embedding_lookup(table, tf.cast(ids, tf.int32))
    view = inline_functions(graph.as_graph_def())
    value = draw(record((None, 300), "int64"), view=view)["x:0"]
    assert value.dtype == np.int64
    assert (value.min(), value.max()) == (0, 6)
    assert draw(record((None, 300), "int64"))["x:0"].max() == 9


def test_ids_are_below_the_rows_of_a_constant_table(graph):
    import tensorflow.compat.v1 as tf

    tf.gather(tf.identity(tf.constant(np.ones((4, 2)))), tf.placeholder(tf.int32, [None], name="x"))
    view = inline_functions(graph.as_graph_def())
    assert draw(record((300,), "int32"), view=view)["x:0"].max() == 3


def test_unknown_sizes_are_the_first_that_the_graph_takes():
    def takes(drawn):
        seen.append(drawn["x:0"].shape)
        return drawn["x:0"].shape[1] == 299

    seen = []
    assert draw(record((None, None, None, 3)), takes=takes)["x:0"].shape == (2, 299, 299, 3)
    assert seen == [(2, 224, 224, 3), (2, 299, 299, 3)]
    assert draw(record((None, None, 8)))["x:0"].shape == (2, 16, 8)


def test_sizes_that_no_graph_takes_are_refused():
    with pytest.raises(UsageError) as caught:
        draw(record((None, None, 5, 3)), takes=lambda drawn: False)
    assert str(caught.value) == (
        "Cannot draw inputs: no size was found that the graph takes:\n"
        "  'x:0' [?,?,5,3]\n"
        "Likely cause: only the network's owner knows its sizes.\n"
        "Fix: give inputs with --recording, or with --data where they are to be recorded."
    )


def test_text_is_refused():
    with pytest.raises(UsageError, match="Cannot draw values for input 'x:0' string"):
        draw(record((None, 2), "string"))


@pytest.mark.parametrize("shape", [(3, 2**30), (None, 2**62, 2**62), (None, 70_000, 70_000)])
def test_sizes_that_fill_a_memory_are_refused_before_anything_is_drawn(shape):
    with pytest.raises(UsageError, match="Cannot draw 1 of 2 inputs") as caught:
        draw(record(shape), record((None, 2), tensor="y:0"))
    assert "'x:0': " in str(caught.value)
