"""Inputs are drawn within what a tf.Assert allows, or the user is told what it wants."""

import numpy as np
import pytest

import slimfix
from slimfix import slim
from slimfix.errors import UsageError
from slimfix.graphdef.functions import inline_functions
from slimfix.reference.asserted import Bounds, find_bounds
from slimfix.reference.inputs import InputSpec, draw_inputs

INF = float("inf")


def guarded(tf, x, condition):
    with tf.control_dependencies([tf.Assert(condition, ["out of range", x], name="range")]):
        return tf.identity(x)


CONDITIONS = {
    "max": (lambda tf, x: tf.less_equal(tf.reduce_max(x), 1.5), Bounds(high=1.5)),
    "min": (lambda tf, x: tf.greater_equal(tf.reduce_min(x), 0.25), Bounds(low=0.25)),
    "abs": (lambda tf, x: tf.less_equal(tf.reduce_max(tf.abs(x)), 2.0), Bounds(-2.0, 2.0)),
    "each": (lambda tf, x: tf.reduce_all(tf.less(x, 3.0)), Bounds(high=3.0, without_high=True)),
    "turned": (
        lambda tf, x: tf.reduce_all(tf.less(tf.constant(-0.5), x)),
        Bounds(low=-0.5, without_low=True),
    ),
    "both": (
        lambda tf, x: tf.logical_and(
            tf.greater_equal(tf.reduce_min(x), -0.25), tf.less(tf.reduce_max(x), 0.5)
        ),
        Bounds(-0.25, 0.5, without_high=True),
    ),
    "some": (lambda tf, x: tf.less_equal(tf.reduce_min(x), -9.0), Bounds()),  # Of one number only.
    "sum": (lambda tf, x: tf.less_equal(tf.reduce_sum(x), 1.0), Bounds()),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_bounds_are_read_and_kept(graph, name):
    import tensorflow.compat.v1 as tf

    condition, expected = CONDITIONS[name]
    x = tf.placeholder(tf.float32, [None, 6], name="x")
    guarded(tf, x, condition(tf, x))
    view = inline_functions(graph.as_graph_def())
    assert find_bounds(view, "x:0") == expected
    drawn = draw_inputs([InputSpec("x:0", (None, 6), "float32")], view, lambda feeds: True, 50)
    values = drawn["x:0"]
    assert values.shape == (50, 6) and values.dtype == np.float32
    assert len(np.unique(values)) > 250
    if expected != Bounds():
        with tf.Session(graph=graph) as session:
            assert session.run(condition(tf, x), {x: values})


def test_what_is_not_limited_is_drawn_as_before(graph):
    import tensorflow.compat.v1 as tf

    tf.placeholder(tf.float32, [None, 6], name="x")
    specs = [InputSpec("x:0", (None, 6), "float32")]
    view = inline_functions(graph.as_graph_def())
    free = draw_inputs(specs, view, lambda feeds: True, 50)["x:0"]
    assert free.min() < -4 and free.max() > 4


def test_ids_within_their_limits(graph):
    import tensorflow.compat.v1 as tf

    ids = tf.placeholder(tf.int32, [None, 3], name="ids")
    tf.Assert(tf.reduce_all(tf.less(ids, 5)), [ids])
    tf.Assert(tf.reduce_all(tf.greater_equal(ids, 2)), [ids])
    view = inline_functions(graph.as_graph_def())
    drawn = draw_inputs([InputSpec("ids:0", (None, 3), "int32")], view, lambda feeds: True, 40)
    assert set(np.unique(drawn["ids:0"])) == {2, 3, 4}


def network(tf, condition):
    x = tf.placeholder(tf.float32, [None, 6], name="x")
    h = guarded(tf, x, condition(tf, x))
    return tf.identity(slim.fully_connected(h, 3, activation_fn=None, scope="fc"), "end")


@pytest.mark.parametrize("name", ["abs", "both", "turned"])
def test_a_network_that_asserts_is_recorded(graph, saved, tmp_path, name):
    import tensorflow.compat.v1 as tf

    network(tf, CONDITIONS[name][0])
    recording = slimfix.record(saved(), str(tmp_path / "r.npz"), inputs="x", outputs="end")
    assert recording.tensors["end:0"].shape == (8, 3)


def test_what_cannot_be_read_is_said_with_the_condition(graph, saved, tmp_path):
    import tensorflow.compat.v1 as tf

    network(tf, lambda tf, x: tf.less_equal(tf.reduce_sum(tf.square(x)), 1e-3))
    prefix = saved()
    with pytest.raises(UsageError) as error:
        slimfix.record(prefix, str(tmp_path / "r.npz"), inputs="x", outputs="end")
    lines = str(error.value).splitlines()
    assert lines[0].startswith("The network does not take these inputs: TensorFlow stops at Assert")
    assert "range" in lines[0]
    assert lines[1].startswith("  InvalidArgumentError: assertion failed: [out of range]")
    assert lines[2].startswith("  it wants LessEqual(Sum(Square('x'")
    assert lines[2].endswith("0.001)")
    assert "--data" in lines[-2] and "--recording" in lines[-2]
    assert not (tmp_path / "r.npz").exists()
    mine = np.full((3, 6), 1e-3, np.float32) * np.arange(1, 7, dtype=np.float32)
    slimfix.record(prefix, str(tmp_path / "r.npz"), inputs="x", outputs="end", data=mine)


def test_other_refusals_of_tensorflow_are_said_in_its_words(graph, saved, tmp_path):
    """CheckNumerics, inside a conditional, so that the identity that follows waits for it."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    table = tf.get_variable("table", [7, 3])
    places = tf.cast(tf.round(tf.abs(x[:, :1])), tf.int32) + 100
    tf.identity(slim.flatten(tf.gather(table, places)), "end")
    with pytest.raises(UsageError) as error:
        slimfix.record(saved(), str(tmp_path / "r.npz"), inputs="x", outputs="end")
    text = str(error.value)
    assert "TensorFlow stops at Gather" in text
    assert "\n  InvalidArgumentError: indices[" in text and "is not in [0, 7)" in text
    assert "Graph execution error" not in text


def test_conditions_that_share_their_parts_are_read_once(graph):
    """Else 2**60 comparisons; and what is said of them is bounded too."""
    import tensorflow.compat.v1 as tf

    from slimfix.running import _expression

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    condition = tf.less(tf.reduce_max(x), 0.75)
    for _ in range(60):
        condition = tf.logical_and(condition, condition)
    for _ in range(3):
        guarded(tf, x, condition)
    view = inline_functions(graph.as_graph_def())
    assert find_bounds(view, "x:0") == Bounds(high=0.75, without_high=True)
    assert len(_expression(condition)) < 2000
    total = tf.add_n([tf.add_n([x] * 50)] * 50)
    assert len(_expression(total)) < 2000
