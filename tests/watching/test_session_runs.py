"""What a run fetches, and what it would cost to fetch more."""

import collections
import types

from slimfix.graphdef.view import GraphView, Node
from slimfix.watching.session_runs import op_names, reads_more

VIEW = GraphView(
    [
        Node("x", "Placeholder", (), ()),
        Node("conv", "Conv2D", ("x:0",), ()),
        Node("bn", "FusedBatchNormV3", ("conv:0",), ()),
        Node("side", "Identity", ("bn:1",), ()),
        Node("loss", "Mean", ("bn:0",), ()),
        Node("queue", "FIFOQueueV2", (), ()),
        Node("more", "QueueDequeueManyV2", ("queue:0",), ()),
        Node("both", "AddV2", ("side:0", "more:0"), ()),
    ]
)


def test_a_fetch_that_is_free_reads_no_more():
    computed = VIEW.ancestors(["loss"])
    assert not reads_more(VIEW, computed, ["side:0", "bn:1"])
    assert reads_more(VIEW, computed, ["side:0", "both:0"])
    assert reads_more(VIEW, {"x"}, ["more:3"])
    assert not reads_more(VIEW, computed, [])


class Fetches:
    """What a class made by the package attrs looks like."""

    __attrs_attrs__ = (types.SimpleNamespace(name="loss"), types.SimpleNamespace(name="others"))

    def __init__(self, loss, others):
        self.loss, self.others = loss, others


def test_every_form_of_fetch_is_read(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    tensor = tf.constant(1.5, name="tensor")
    variable = tf.get_variable("variable", [3])
    pair = collections.namedtuple("Pair", ["one", "two"])(tensor, None)
    sparse = tf.SparseTensor([[0, 0]], [1.5], [2, 2])
    assert op_names(tensor) == {"tensor"}
    assert op_names([tensor.op, (variable,), {tensor: "a/b", 3: "c:1"}, pair]) == {
        "tensor",
        "variable",
        "a/b",
        "c",
    }
    assert op_names(Fetches(tensor, [variable])) == {"tensor", "variable"}
    assert op_names(sparse) == {sparse.op.name}
    assert op_names([]) == frozenset()


def test_what_cannot_be_fetched_is_left_to_tensorflow():
    assert op_names([3.5, None]) == frozenset()
