"""Constants that would fill the memory are refused before TensorFlow computes a byte of them."""

import resource
import sys

import numpy as np
import pytest

import slimfix
from slimfix import slim
from slimfix.errors import SlimfixError, UnsafeGraphError, UsageError
from slimfix.graphdef.meta import read_meta


def tiled(tf):
    value = tf.constant([[0.5]], name="seed")
    for _ in range(6):
        value = tf.tile(value, [40, 40])
    return tf.reduce_mean(value)


def outer(tf):
    ones = tf.fill([60000, 1], 0.5)
    return tf.reduce_mean(ones * tf.transpose(ones))


def many(tf):
    """None of them is large."""
    value = tf.fill([2**22], 0.25)
    return tf.reduce_mean(tf.add_n([tf.nn.relu(value + number) for number in range(40)]))


MAKERS = {
    "Fill": lambda tf: tf.reduce_mean(tf.fill([2 * 10**9], 0.25)),
    "BroadcastTo": lambda tf: tf.reduce_mean(tf.broadcast_to(tf.constant(0.25), [2 * 10**9])),
    "Range": lambda tf: tf.reduce_mean(tf.range(0.0, 2e9, 1.0)),
    "LinSpace": lambda tf: tf.reduce_mean(tf.raw_ops.LinSpace(start=0.0, stop=1.0, num=2 * 10**9)),
    "Pad": lambda tf: tf.reduce_mean(tf.pad(tf.constant([1.0]), [[10**9, 10**9]])),
    "OneHot": lambda tf: tf.reduce_mean(tf.one_hot([3], 2 * 10**9)),
    "Tile": tiled,
    "Mul": outer,
    "AddV2": many,
    "Sub": lambda tf: tf.reduce_mean(tf.constant(0.5, shape=[2**28 - 7]) - 0.25),
}


def network(tf, value):
    x = tf.placeholder(tf.float32, [None, 6], name="x")
    return tf.identity(slim.fully_connected(x + value, 3, activation_fn=None, scope="fc"), "end")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # GiB, on Linux.


@pytest.mark.parametrize("op", MAKERS)
def test_a_large_constant_is_refused_before_it_is_made(graph, saved, tmp_path, op):
    import tensorflow.compat.v1 as tf

    network(tf, MAKERS[op](tf))
    prefix = saved()
    before = peak()
    for run in runs(prefix, tmp_path):
        with pytest.raises(UnsafeGraphError) as error:
            run()
        assert "of the graph would take" in str(error.value)
        assert "nothing was computed" in str(error.value)
        assert f"\n  {op} '" in str(error.value)
    assert peak() - before < 1.5


def runs(prefix, tmp_path):
    """Both, where there is Keras 3; the migration needs Python 3.10."""
    yield lambda: slimfix.record(prefix, str(tmp_path / "r.npz"), inputs="x", outputs="end")
    if sys.version_info >= (3, 10):
        from slimfix.migration import convert

        yield lambda: convert(prefix, inputs=["x:0"], outputs=["end:0"])


def test_a_large_constant_that_decides_a_shape(graph, saved, tmp_path):
    """TensorFlow computes it while it infers that shape; so the file is made without TensorFlow."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    h = slim.fully_connected(x, 6, scope="fc")
    tf.stack([-1, tf.reduce_min(tf.fill([2 * 10**9], 6))], name="sizes")
    tf.identity(tf.reshape(h, tf.constant([-1, 6], name="plain"), name="turned"), "end")
    prefix = saved()
    meta_graph = read_meta(prefix + ".meta")
    turned = next(node for node in meta_graph.graph_def.node if node.name == "turned")
    turned.input[1] = "sizes"
    with open(prefix + ".meta", "wb") as file:
        file.write(meta_graph.SerializeToString())
    before = peak()
    for run in runs(prefix, tmp_path):
        with pytest.raises(UnsafeGraphError, match="Fill 'Fill': 8,000,000,000 bytes"):
            run()
    assert peak() - before < 1.5


def test_a_large_tensor_of_the_size_of_the_input(graph, saved, tmp_path):
    """It is no constant; and nothing runs that would make it."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    many = tf.fill([tf.shape(x)[0], tf.shape(x)[1] * 10**8], 0.5)
    tf.identity(slim.fully_connected(x, 3, scope="fc") + many[:1, :3], "end")
    before = peak()
    with pytest.raises(UnsafeGraphError) as error:
        slimfix.record(saved(), str(tmp_path / "r.npz"), inputs="x", outputs="end")
    assert "1 tensor of the network would be larger than any" in str(error.value)
    assert "\n  Fill 'Fill:0': 4,800,000,000 numbers\n" in str(error.value)
    assert peak() - before < 1.5


@pytest.mark.parametrize("layers", [3, 60])
def test_as_many_imports_as_constants_lie_above_each_other(graph, monkeypatch, layers):
    """And not one for each of them: written-out batch norms are many."""
    import tensorflow.compat.v1 as tf

    from slimfix.graphdef.view import GraphView
    from slimfix.network.importing import import_function
    from slimfix.network.resolved import Resolved

    h = tf.placeholder(tf.float32, [None, 6], name="x")
    for index in range(layers):
        mean, variance, gamma = (tf.constant([index + each] * 6) for each in (0.5, 1.5, 2.5))
        scale = tf.rsqrt(variance + 1e-3) * gamma  # AddV2, Rsqrt, Mul; with the mean another Mul.
        h = h * scale - mean * scale
    tf.identity(h, name="end")
    nodes = {
        node.name: node
        for node in GraphView.from_graph_def(graph.as_graph_def()).nodes.values()
        if node.op != "Placeholder"
    }
    imports = []
    original = tf.import_graph_def
    monkeypatch.setattr(
        tf, "import_graph_def", lambda *args, **more: imports.append(1) or original(*args, **more)
    )
    resolved = Resolved(nodes, ("x:0",), ("end:0",), {}, {}, {}, {}, ())
    found = import_function(resolved, None, {"x:0": ((None, 6), 1)})
    assert found.tensor("end:0").shape.as_list() == [None, 6]
    assert len(imports) == 5


def test_a_shape_that_cannot_be(graph, saved, tmp_path):
    """TensorFlow takes the graph, and raises when the shape is asked for."""
    import tensorflow.compat.v1 as tf

    network(tf, tf.reduce_mean(tf.range(0.0, tf.constant(4.0, name="limit"), 1.0)))
    prefix = saved()
    meta_graph = read_meta(prefix + ".meta")
    limit = next(node for node in meta_graph.graph_def.node if node.name == "limit")
    limit.attr["value"].tensor.float_val[0] = np.nan
    with open(prefix + ".meta", "wb") as file:
        file.write(meta_graph.SerializeToString())
    for run in runs(prefix, tmp_path):
        with pytest.raises(SlimfixError):
            run()


def test_an_input_of_more_axes_than_an_array_has(graph, saved, tmp_path):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6, *[1] * 40], name="x")
    tf.identity(slim.fully_connected(tf.reshape(x, [-1, 6]), 3, scope="fc"), "end")
    for run in runs(saved(), tmp_path):
        with pytest.raises(UsageError, match="'x:0' has 42 axes; no array has more than 32"):
            run()
