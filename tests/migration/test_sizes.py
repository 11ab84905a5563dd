"""Arithmetic on sizes that nobody knows yet: equal only where it is equal for every size."""

import pytest

from slimfix import names
from slimfix.graphdef.view import GraphView
from slimfix.migration.sizes import Size, read_sizes, sizes_of

HEIGHT, WIDTH = Size(0, ((("x:0", 1), 1),)), Size(0, ((("x:0", 2), 1),))


class _Planner:
    """What `read_sizes` asks of a planner, from a live graph."""

    def __init__(self, graph):
        self._graph = graph
        self._view = GraphView.from_graph_def(graph.as_graph_def())

    def constant(self, tensor):
        node = self._view.producer(tensor)
        return node.attr("value") if node.op == "Const" else None

    def producer(self, tensor, *ops):
        node = self._view.nodes[names.split_tensor_name(tensor)[0]]
        return node if node.op in ops else None

    def shape(self, tensor):
        return tuple(self._graph.get_tensor_by_name(tensor).shape.as_list())


@pytest.fixture
def read(graph):
    def run(tensor):
        found = read_sizes(_Planner(graph), tensor.name)
        return None if found is None else found.tolist()

    return run


@pytest.fixture
def shape(graph):
    import tensorflow.compat.v1 as tf

    return tf.shape(tf.placeholder(tf.float32, [3, None, None, 5], name="x"))


def test_sums_cancel():
    assert HEIGHT + WIDTH - HEIGHT == WIDTH
    assert (HEIGHT.times(3) - HEIGHT.times(3)).known == 0
    assert HEIGHT.known is None
    assert HEIGHT != WIDTH
    assert HEIGHT + Size(1) != HEIGHT


def test_shape_has_known_and_unknown_sizes(graph, shape, read):
    assert read(shape) == [Size(3), HEIGHT, WIDTH, Size(5)]
    assert sizes_of(_Planner(graph), "x:0") == (Size(3), HEIGHT, WIDTH, Size(5))


def test_picking_and_joining(shape, read):
    import tensorflow.compat.v1 as tf

    assert read(shape[1:3]) == [HEIGHT, WIDTH]
    assert read(shape[-2]) == WIDTH
    assert read(tf.stack([shape[2], 7])) == [WIDTH, Size(7)]
    assert read(tf.concat([shape[:2], [7]], 0)) == [Size(3), HEIGHT, Size(7)]
    assert read(tf.gather(shape, [3, 1])) == [Size(5), HEIGHT]
    assert read(tf.stack([shape[1:3], [7, 8]], axis=1)) == [[HEIGHT, Size(7)], [WIDTH, Size(8)]]
    assert read(tf.reshape(shape, [2, 2])) == [[Size(3), HEIGHT], [WIDTH, Size(5)]]


def test_arithmetic(shape, read):
    import tensorflow.compat.v1 as tf

    assert read(shape[1] * 2 + 3) == HEIGHT.times(2) + Size(3)
    assert read(4 - shape[1:3]) == [Size(4) - HEIGHT, Size(4) - WIDTH]
    assert read(tf.reduce_prod(tf.stack([shape[0], shape[1], 2]))) == HEIGHT.times(6)


def test_what_no_rule_knows_is_itself_and_nothing_else(shape, read):
    """x % 2 of the height is no x % 2 of the width, and no x % 2 of another node."""
    import tensorflow.compat.v1 as tf

    rest = tf.floormod(shape[1:3], 2)
    first, second = read(rest)
    assert first != second
    assert read(rest + 1)[0] - first == Size(1)
    assert read(tf.floormod(shape[1:3], 2))[0] != first
    assert read(tf.reduce_prod(shape[1:3])) is not None
