"""slimfix.graphdef.view on a graph written by hand."""

import numpy as np
import pytest

from slimfix.graphdef.view import GraphView

GRAPH = """
node { name: "x" op: "Placeholder"
       attr { key: "shape" value { shape { dim { size: -1 } dim { size: 3 } } } } }
node { name: "init" op: "NoOp" }
node { name: "split" op: "Split" input: "x"
       attr { key: "label" value { s: "NHWC" } } attr { key: "axes" value { list { i: 1 i: 2 } } } }
node { name: "sum" op: "Add" input: "split:1" input: "split" input: "^init" }
node { name: "out" op: "Identity" input: "sum" }
node { name: "lonely" op: "Placeholder"
       attr { key: "shape" value { shape { unknown_rank: true } } } }
"""


@pytest.fixture
def view():
    import tensorflow.compat.v1 as tf
    from google.protobuf import text_format

    return GraphView.from_graph_def(text_format.Parse(GRAPH, tf.GraphDef()))


def test_inputs_have_output_indices_and_controls_are_apart(view):
    assert view.nodes["sum"].inputs == ("split:1", "split:0")
    assert view.nodes["sum"].control_inputs == ("init",)


def test_order_is_that_of_the_graph_def(view):
    assert list(view.nodes) == ["x", "init", "split", "sum", "out", "lonely"]


def test_producer_and_consumers(view):
    assert view.producer("split:1").name == "split"
    assert [node.name for node in view.consumers("split")] == ["sum"]
    assert [node.name for node in view.consumers("init")] == ["sum"]
    assert view.consumers("out") == []
    with pytest.raises(KeyError):
        view.producer("nowhere:0")


def test_ancestors(view):
    assert view.ancestors(["out"]) == {"out", "sum", "split", "x", "init"}
    assert view.ancestors(["out"], control=False) == {"out", "sum", "split", "x"}
    assert view.ancestors(["out"], stop=lambda node: node.op == "Add") == {"out", "sum"}


def test_descendants(view):
    assert view.descendants(["init"]) == {"init", "sum", "out"}
    assert view.descendants(["x"], stop=lambda node: node.op == "Split") == {"x", "split"}


def test_attributes_are_plain_values(view):
    assert view.nodes["x"].attr("shape") == (None, 3)
    assert view.nodes["lonely"].attr("shape") is None
    assert view.nodes["split"].attr("label") == "NHWC"
    assert view.nodes["split"].attr("axes") == [1, 2]
    assert view.nodes["out"].attr("T", "absent") == "absent"


def test_tensor_attributes_are_arrays(graph):
    import tensorflow.compat.v1 as tf

    tf.constant([[0.25, -1.5, 3.0]], name="c")
    value = GraphView.from_graph_def(graph.as_graph_def()).nodes["c"].attr("value")
    np.testing.assert_array_equal(value, np.array([[0.25, -1.5, 3.0]], np.float32))
