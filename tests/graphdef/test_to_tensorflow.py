"""What TensorFlow is handed has texts that it can quote; else 1.15 ends the process."""

import pytest

from slimfix.errors import CheckpointError
from slimfix.graphdef import protos
from slimfix.graphdef.to_tensorflow import to_tensorflow

NO_TEXT = b"\xd4bo"


def _graph_def(op, **attrs):
    graph_def = protos.GraphDef()
    graph_def.node.add(name="a", op=op)
    for key, text in attrs.items():
        if key == "_class":
            graph_def.node[0].attr[key].list.s.append(text)
        else:
            graph_def.node[0].attr[key].s = text
    return graph_def


@pytest.mark.parametrize(
    "key", ["padding", "data_format", "container", "shared_name", "message", "_class"]
)
def test_bytes_that_are_no_text_are_refused(key):
    with pytest.raises(CheckpointError) as caught:
        to_tensorflow(_graph_def("Conv2D", **{key: NO_TEXT}))
    assert f"'a' (Conv2D): its attribute {key} is no text: b'\\xd4bo'" in str(caught.value)


def test_bytes_that_are_no_text_in_a_function_are_refused():
    graph_def = protos.GraphDef()
    function = graph_def.library.function.add()
    function.node_def.add(name="b", op="VarHandleOp").attr["container"].s = NO_TEXT
    with pytest.raises(CheckpointError, match=r"'b' \(VarHandleOp\): its attribute container"):
        to_tensorflow(graph_def)


@pytest.mark.parametrize("key", ["config_proto", "metadata", "_output_shapes"])
def test_a_serialized_message_is_handed_on(key):
    theirs = to_tensorflow(_graph_def("PartitionedCall", **{key: NO_TEXT}))
    assert theirs.node[0].attr[key].s == NO_TEXT


def test_a_text_of_any_language_is_handed_on():
    theirs = to_tensorflow(_graph_def("VarHandleOp", shared_name="größe/変数".encode()))
    assert theirs.node[0].attr["shared_name"].s.decode() == "größe/変数"
