"""Messages of ours and TensorFlow's are the same bytes, side by side in one process."""

import glob

import pytest

from slimfix.graphdef import protos
from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.to_tensorflow import to_tensorflow

FORMS = sorted(glob.glob("tests/golden/forms/*/model.ckpt.meta"))


@pytest.mark.parametrize("path", FORMS)
def test_nothing_is_lost_on_the_way_to_tensorflow(path):
    import tensorflow.compat.v1 as tf

    with open(path, "rb") as file:
        content = file.read()
    theirs = tf.MetaGraphDef.FromString(content)
    ours = protos.MetaGraphDef.FromString(content)
    assert tf.MetaGraphDef.FromString(ours.SerializeToString()) == theirs
    assert to_tensorflow(read_meta(path).graph_def) == theirs.graph_def
    assert theirs.meta_info_def.stripped_op_list.op  # Which the table leaves out.


def test_a_node_takes_attributes_of_either():
    import tensorflow.compat.v1 as tf

    graph_def = protos.GraphDef()
    attrs = {"T": tf.AttrValue(type=3), "N": protos.AttrValue(i=2)}
    node = protos.add_node(graph_def, "sum", "AddN", ["a", "b", "^c"], attrs)
    assert (node.attr["T"].type, node.attr["N"].i) == (3, 2)
    assert list(to_tensorflow(graph_def).node[0].input) == ["a", "b", "^c"]


def test_what_is_no_message_is_none():
    assert protos.parse(protos.MetaGraphDef, b"\xff\xff") is None
    assert not protos.parse(protos.MetaGraphDef, b"").graph_def.node
