"""prune: what is needed and no more, fit to be imported where the whole is not."""

import pytest

from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.pruning import prune
from slimfix.graphdef.to_tensorflow import to_tensorflow
from slimfix.graphdef.view import GraphView

META = "tests/golden/digits/no_updates/model.ckpt.meta"
LOGITS = "digits/logits/BiasAdd"


def pruned(graph_def, *starts):
    return prune(graph_def, GraphView.from_graph_def(graph_def), starts)


def test_a_training_graph_of_tensorflow_1_imports():
    """TensorFlow 2 refuses the whole .meta for the shapes that 1.15 recorded in it."""
    import tensorflow.compat.v1 as tf

    whole = read_meta(META).graph_def
    size = len(whole.node)
    part = pruned(whole, LOGITS)
    assert len(whole.node) == size > 3 * len(part.node)
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(to_tensorflow(part), name="")
        assert imported.get_tensor_by_name(LOGITS + ":0").shape.as_list() == [None, 10]
    if not tf.__version__.startswith("1."):
        with tf.Graph().as_default(), pytest.raises(ValueError, match="FusedBatchNormGradV3"):
            tf.import_graph_def(to_tensorflow(whole), name="")


def test_control_inputs_stay_and_places_go(graph):
    import tensorflow.compat.v1 as tf

    with tf.device("/job:ps/task:3"):
        x = tf.constant(2.5, name="x")
        tf.constant(1.0, name="other")
    with tf.control_dependencies([tf.no_op("first")]), tf.colocate_with(x.op):
        tf.negative(x, name="y")
    part = pruned(graph.as_graph_def(add_shapes=True), "y")
    assert sorted(node.name for node in part.node) == ["first", "x", "y"]
    assert {node.device for node in part.node} == {""}
    left = {key for node in part.node for key in node.attr}
    assert not left.intersection(["_class", "_output_shapes"])


def test_what_is_fed_comes_from_placeholders(graph):
    """Queue and file above the batch are cut off; its outputs keep their names, types and order."""
    import tensorflow.compat.v1 as tf

    queue = tf.FIFOQueue(3, [tf.string, tf.float32], [[], [2]], name="queue")
    texts, numbers = queue.dequeue_many(5, name="batch")
    tf.add(numbers, tf.strings.to_number(texts)[:, None], name="y")
    graph_def = graph.as_graph_def()
    part = prune(graph_def, GraphView.from_graph_def(graph_def), ["y"], ["batch"])
    assert not any("Queue" in node.op for node in part.node)
    with tf.Graph().as_default() as imported, tf.Session(graph=imported) as session:
        tf.import_graph_def(part, name="")
        fed = {"batch:0": ["1", "20"], "batch:1": [[0.5, 0.25], [0.125, 0.75]]}
        values = session.run("y:0", fed)
    assert values.tolist() == [[1.5, 1.25], [20.125, 20.75]]


def test_a_print_hands_on(graph, capfd):
    import tensorflow.compat.v1 as tf

    x, text = tf.constant([2.5, 0.5], name="x"), tf.constant("loud")
    with tf.control_dependencies([tf.no_op("first")]):
        tf.Print(x, [x, text], name="y")
    part = pruned(graph.as_graph_def(), "y")
    y = next(node for node in part.node if node.name == "y")
    assert (y.op, list(y.input), list(y.attr)) == ("Identity", ["x", "^first"], ["T"])
    with tf.Graph().as_default() as imported, tf.Session(graph=imported) as session:
        tf.import_graph_def(part, name="")
        assert session.run("y:0").tolist() == [2.5, 0.5]
    assert "loud" not in capfd.readouterr().err
