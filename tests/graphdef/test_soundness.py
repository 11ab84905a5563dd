"""A graph file with changed fields, yet a valid protobuf, is one error that names the node."""

import os
import subprocess
import sys

import pytest

from slimfix.errors import CheckpointError
from slimfix.graphdef import protos
from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.saved_model import read_saved_model

PLAIN = "tests/golden/micro/rank4_scale/model.ckpt.meta"
FUNCTIONS = "tests/golden/forms/control_flow_v2/model.ckpt.meta"
CALL = "'conv/BatchNorm/cond' (If)"
SAVED_MODEL = "tests/golden/forms/saved_model/served"


def read_proto(path):
    with open(path, "rb") as file:
        return protos.MetaGraphDef.FromString(file.read())


def first(nodes, *ops):
    return next(node for node in nodes if node.op in ops)


@pytest.fixture
def refusal(tmp_path):
    """Changes the graph of a `.meta`; gives the text of the error on reading it."""

    def read(change, base=PLAIN):
        meta_graph = read_proto(base)
        change(meta_graph.graph_def)
        path = tmp_path / "changed.meta"
        path.write_bytes(meta_graph.SerializeToString())
        with pytest.raises(CheckpointError) as caught:
            read_meta(str(path))
        lines = str(caught.value).splitlines()
        assert lines[0].startswith(f"The graph in '{path}' is damaged: ")
        return lines[1].strip()

    return read


@pytest.mark.parametrize("base", [PLAIN, FUNCTIONS])
def test_what_tensorflow_wrote_is_sound(base):
    assert read_meta(base).graph_def.node


def conv(graph_def):
    return first(graph_def.node, "Conv2D")


def make_unknown_input(graph_def):
    conv(graph_def).input[0] = "nowhere"


def make_unknown_control(graph_def):
    conv(graph_def).input.append("^nowhere")


def make_bad_index(graph_def):
    conv(graph_def).input[0] = "images:one"


def make_negative_index(graph_def):
    conv(graph_def).input[0] = "images:-1"


def make_double(graph_def):
    graph_def.node.add().CopyFrom(conv(graph_def))


def make_odd_name(graph_def):
    graph_def.node.add(name="\x1b[31mred", op="NoOp")


def make_nameless(graph_def):
    graph_def.node.add(op="NoOp")


def make_no_op(graph_def):
    graph_def.node.add(name="mine")


def make_missing_input(graph_def):
    del conv(graph_def).input[1]


def make_missing_attr(graph_def):
    del conv(graph_def).attr["strides"]


def make_other_kind(graph_def):
    conv(graph_def).attr["padding"].i = 7


def make_other_list(graph_def):
    strides = conv(graph_def).attr["strides"].list
    strides.ClearField("i")
    strides.f.extend([1.5, 2.5])


def make_ring(graph_def):
    conv(graph_def).input.append("^" + conv(graph_def).name)


def make_large_constant(graph_def):
    tensor = constant(graph_def, 2**31).attr["value"].tensor
    tensor.tensor_shape.dim.add(size=2**31)


def make_constant_that_lacks_values(graph_def):
    tensor = constant(graph_def, 3).attr["value"].tensor
    tensor.ClearField("float_val")
    tensor.tensor_content = b"12345"


def make_constant_of_no_dtype(graph_def):
    constant(graph_def, 3).attr["value"].tensor.dtype = 99


def make_input_of_no_dtype(graph_def):
    graph_def.node.add(name="fed", op="Placeholder").attr["dtype"].type = 77


def make_constant_of_another_dtype(graph_def):
    constant(graph_def, 3).attr["dtype"].type = 2


def make_endless_split(graph_def):
    constant(graph_def, 3)
    node = graph_def.node.add(name="many", op="Split", input=["number", "number"])
    node.attr["num_split"].i = 2**31 - 1


def make_constant_of_unknown_size(graph_def):
    constant(graph_def, -3)


def constant(graph_def, size):
    node = graph_def.node.add(name="number", op="Const")
    node.attr["dtype"].type = 1
    tensor = node.attr["value"].tensor
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(1.25)
    return node


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (make_unknown_input, "'net/conv/Conv2D': its input 'nowhere' is not there"),
        (make_unknown_control, "'net/conv/Conv2D': its input 'nowhere' is not there"),
        (make_bad_index, "'net/conv/Conv2D': its input 'images:one' names no tensor"),
        (make_negative_index, "'net/conv/Conv2D': its input 'images:-1' names no tensor"),
        (make_double, "'net/conv/Conv2D': several nodes have this name"),
        (make_odd_name, r"'\x1b[31mred' is no name of a node"),
        (make_nameless, "'' is no name of a node"),
        (make_no_op, "'mine': it has no op"),
        (make_missing_input, "'net/conv/Conv2D' (Conv2D): it has 1 inputs; want 2"),
        (make_missing_attr, "'net/conv/Conv2D' (Conv2D): its attribute strides is missing"),
        (
            make_other_kind,
            "'net/conv/Conv2D' (Conv2D): its attribute padding is of another kind than s",
        ),
        (
            make_other_list,
            "'net/conv/Conv2D' (Conv2D): its attribute strides is of another kind than ints",
        ),
        (
            make_ring,
            "'net/conv/Conv2D': each waits for the next, and the last for the first",
        ),
        (
            make_large_constant,
            "'number' (Const): its shape [2147483648, 2147483648] declares more than any "
            "array holds",
        ),
        (
            make_constant_that_lacks_values,
            "'number' (Const): its shape [3] wants 12 bytes; it holds 5",
        ),
        (
            make_constant_of_no_dtype,
            "'number' (Const): 99 is the number of no dtype that slimfix knows",
        ),
        (
            make_constant_of_another_dtype,
            "'number' (Const): its value is of another dtype than it",
        ),
        (make_input_of_no_dtype, "'fed' (Placeholder): 77 is the number of no dtype"),
        (make_endless_split, "'many' (Split): its attribute num_split is 2147483647"),
        (make_constant_of_unknown_size, "'number' (Const): its shape is not known"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_changed_node_is_named(refusal, change, wanted):
    assert refusal(change) == wanted


def test_a_circle_is_walked(refusal):
    def change(graph_def):
        for name, source in (("a", "c"), ("b", "a"), ("c", "b")):
            node = graph_def.node.add(name=name, op="Identity", input=[source])
            node.attr["T"].type = 1

    text = "'a' -> 'c' -> 'b': each waits for the next, and the last for the first"
    assert refusal(change) == text


def test_a_loop_of_version_1_is_no_circle(tmp_path, graph):
    import tensorflow.compat.v1 as tf

    tf.while_loop(lambda i: i < 5, lambda i: i + 1, [tf.constant(2)])
    path = str(tmp_path / "loop.meta")
    tf.train.export_meta_graph(path)
    assert any(node.op == "NextIteration" for node in read_meta(path).graph_def.node)


def test_all_faults_are_told_up_to_twenty(tmp_path):
    meta_graph = read_proto(PLAIN)
    for index in range(25):
        meta_graph.graph_def.node.add(name=f"lost_{index}", op="Identity").attr["T"].type = 1
    path = tmp_path / "changed.meta"
    path.write_bytes(meta_graph.SerializeToString())
    with pytest.raises(CheckpointError) as caught:
        read_meta(str(path))
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("is damaged: 25 faults:")
    assert lines[21] == "  and 5 more"


def branch(graph_def):
    """The function of the first conditional's `then` branch."""
    name = first(graph_def.node, "If", "StatelessIf").attr["then_branch"].func.name
    return next(each for each in graph_def.library.function if each.signature.name == name)


def call_one_another_too_deep(graph_def):
    """300 functions, each of which calls the next: Python's stack would not do."""
    for index in range(300):
        function = graph_def.library.function.add()
        function.signature.name = f"f{index}"
        function.node_def.add(name="call", op=f"f{index + 1}" if index < 299 else "NoOp")


def call_twice_and_again(graph_def):
    """30 functions, each of which calls the next twice: 2**30 calls."""
    for index in range(30):
        function = graph_def.library.function.add()
        function.signature.name = f"f{index}"
        for place in range(2):
            op = f"f{index + 1}" if index < 29 else "NoOp"
            function.node_def.add(name=f"call_{place}", op=op)
    graph_def.node.add(name="call", op="f0")


def return_what_is_not_there(graph_def):
    function = branch(graph_def)
    function.ret[function.signature.output_arg[0].name] = "nowhere:output:0"


def wait_for_what_is_not_there(graph_def):
    branch(graph_def).control_ret["end"] = "nowhere"


def take_one_tensor_less(graph_def):
    del branch(graph_def).signature.input_arg[-1]


def give_one_tensor_less(graph_def):
    call = first(graph_def.node, "If", "StatelessIf")
    del call.input[next(i for i in range(1, 9) if not call.input[-i].startswith("^")) * -1]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (call_one_another_too_deep, "its functions call one another 300 deep"),
        (call_twice_and_again, "its functions open to "),
        (return_what_is_not_there, "function "),
        (wait_for_what_is_not_there, "function "),
        (take_one_tensor_less, f"{CALL}: it gives a function 5 tensors; want [4, 5]"),
        (give_one_tensor_less, f"{CALL}: it gives a function 4 tensors; want [5, 5]"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_changed_functions_are_refused(refusal, change, wanted):
    assert refusal(change, FUNCTIONS).startswith(wanted)


def test_a_collection_of_other_things_is_refused(tmp_path):
    meta_graph = read_proto(PLAIN)
    kept = meta_graph.collection_def["variables"].bytes_list.value
    kept[0], kept[1] = b"\xff", protos.VariableDef(variable_name="nowhere:0").SerializeToString()
    path = tmp_path / "changed.meta"
    path.write_bytes(meta_graph.SerializeToString())
    with pytest.raises(CheckpointError) as caught:
        read_meta(str(path))
    assert [line.strip() for line in str(caught.value).splitlines()[1:3]] == [
        "collection 'variables': it holds what is no variable",
        "collection 'variables': variable 'nowhere:0' is not in the graph",
    ]


def test_a_saved_model_is_held_to_the_same(tmp_path):
    with open(f"{SAVED_MODEL}/saved_model.pb", "rb") as file:
        saved_model = protos.SavedModel.FromString(file.read())
    make_unknown_input(saved_model.meta_graphs[0].graph_def)
    path = tmp_path / "saved_model.pb"
    path.write_bytes(saved_model.SerializeToString())
    with pytest.raises(CheckpointError) as caught:
        read_saved_model(str(tmp_path))
    assert f"The graph in '{path}' is damaged" in str(caught.value)


READS = """
import sys
from slimfix.checkpoint import read_checkpoint
from slimfix.graph.layers import find_batch_norm_layers
from slimfix.graphdef.meta import read_meta
from slimfix.network.checked import check_network
from slimfix.network.sources import Source
from slimfix.recalibration.plan import plan_recalibration
from slimfix.graph.layers import view_graph

checkpoint = sys.argv[1]
assert len(read_checkpoint(checkpoint).variables) > 10
layers = find_batch_norm_layers(checkpoint + ".meta")
reading = check_network(Source(checkpoint)).reading
plan_recalibration(view_graph(checkpoint + ".meta"), "one_pass", None)
heavy = [name for name in ("tensorflow", "keras", "tf_slim") if name in sys.modules]
print(len(layers), *reading.signature.inputs, *reading.resolved.switches, heavy)
"""


def test_reading_loads_no_framework():
    checkpoint = "tests/golden/digits/good/model.ckpt"
    done = subprocess.run(
        [sys.executable, "-c", READS, checkpoint],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.stdout.strip() == "3 images:0 is_training:0 []"
