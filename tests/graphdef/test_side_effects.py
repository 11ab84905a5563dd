"""The lists of ops that may run, against what TensorFlow says of each op, and what is refused."""

import re

import pytest

from slimfix.errors import UnsafeGraphError
from slimfix.graphdef import side_effects
from slimfix.graphdef.calls import CALL_OPS
from slimfix.graphdef.pure_ops import HARMLESS_OPS, PURE_OPS
from slimfix.graphdef.side_effects import refuse_side_effects, refuse_side_effects_in
from slimfix.graphdef.view import Node

FAMILIES = {
    "reads files": ["ReadFile", "MatchingFiles", "RestoreV2", "Restore", "ImmutableConst"],
    "writes files": ["WriteFile", "SaveV2", "Save", "SaveSlices", "MergeV2Checkpoints"],
    "calls Python code": ["PyFunc", "PyFuncStateless", "EagerPyFunc"],
    "prints": ["Print", "PrintV2", "LogMessage"],
    "is an input pipeline": [
        "TFRecordDataset",
        "TextLineDatasetV2",
        "FixedLengthRecordReaderV2",
        "QueueDequeueManyV2",
        "IteratorGetNext",
        "FIFOQueueV2",
    ],
    "reaches a table outside the graph": ["HashTableV2", "LookupTableFindV2"],
    "talks to other processes": ["_Send", "_HostRecv", "CollectiveReduce", "CollectiveBcastRecvV2"],
    "slimfix does not know what it does": ["SomeoneElsesOp"],
    "runs a function that slimfix does not follow": ["SymbolicGradient", "MapDefun"],
    "trains variables": ["ApplyAdam", "ResourceSparseApplyFtrl"],
    "ends the process": ["Abort"],
}


def registered():
    """Returns the OpDef of every op of the TensorFlow that runs, as its C library lists them."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.framework import c_api_util

    try:
        from tensorflow.python.client import pywrap_tf_session as library
    except ImportError:
        from tensorflow.python import pywrap_tensorflow as library

    buffer = library.TF_GetAllOpList()
    ops = op_def_pb2.OpList.FromString(library.TF_GetBuffer(buffer))
    assert c_api_util
    return {op.name: op for op in ops.op}


def is_more_than_a_value(op):
    """Tells whether an op has state, runs a function, or reads or makes what is no plain tensor."""
    resource, variant = 20, 21  # tensorflow/core/framework/types.proto
    arguments = [*op.input_arg, *op.output_arg]
    return (
        op.is_stateful
        or any(attr.type in ("func", "list(func)") for attr in op.attr)
        or any(each.type in (resource, variant) or each.is_ref for each in arguments)
    )


def test_pure_ops_have_no_state():
    ops = registered()
    known = sorted(PURE_OPS & set(ops))
    assert len(known) > 200
    assert [name for name in known if is_more_than_a_value(ops[name])] == []


def test_the_judge_of_pure_ops_tells_others():
    ops = registered()
    others = ["RandomUniform", "PyFunc", "VarHandleOp", "VariableV2", "MapDataset", "PrintV2"]
    assert [name for name in others if not is_more_than_a_value(ops[name])] == []


def test_ops_that_have_no_state_and_read_files_are_no_pure_ones():
    """Why the list is one of names, and not TensorFlow's `is_stateful`."""
    ops = registered()
    readers = ["ReadFile", "MatchingFiles", "ImmutableConst", "PyFuncStateless"]
    assert [name for name in readers if is_more_than_a_value(ops[name])] == []
    assert not HARMLESS_OPS.intersection(readers)


def test_every_listed_op_is_one_of_tensorflow():
    """Of this one, or of another that slimfix runs on: no name is a slip of the pen."""
    lacking = {
        "1": "AutoReloadVariable BatchMatMulV3 CheckNumericsV2 DecodeImage Erfinv Ndtri Xlog1py "
        "ImageProjectiveTransformV2 MatrixDiagPartV3 MatrixDiagV3 MatrixSetDiagV3 ParseExampleV2 "
        "StatelessCase StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormalV2 "
        "StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormalV2",
        "2": "AutoReloadVariable CompareAndBitpack",
    }
    import tensorflow as tf

    expected = lacking[tf.__version__[0]].split()
    assert (HARMLESS_OPS | CALL_OPS) - set(registered()) <= set(expected)


@pytest.mark.parametrize(
    ("reason", "op"), [(reason, op) for reason, ops in FAMILIES.items() for op in ops]
)
def test_each_family_is_refused_and_says_why(reason, op):
    nodes = [Node("x", "Placeholder", (), ()), Node("scope/bad", op, ("x:0",), ())]
    with pytest.raises(UnsafeGraphError) as error:
        refuse_side_effects(nodes, [])
    assert str(error.value) == (
        "The graph does more than compute in 1 node; nothing was run:\n"
        f"  {op} 'scope/bad': {reason}\n"
        "Likely cause: it reads data, logs, or has an op of its own between inputs and outputs; or "
        "the file is not what it seems.\n"
        "Fix: choose --inputs behind these nodes or --outputs before them; for a graph that you "
        f"trust, let them run with allow_ops (--allow_ops={op})."
    )
    refuse_side_effects(nodes, [op])


def test_functions_are_looked_into(graph):
    """A function that a function calls, by name or by attribute; and not those that none calls."""
    import tensorflow.compat.v1 as tf

    graph_def = tf.GraphDef()
    call = graph_def.node.add(name="call", op="PartitionedCall")
    call.attr["f"].func.name = "outer"
    for name, op in [("outer", "inner"), ("inner", "ReadFile"), ("unused", "WriteFile")]:
        function = graph_def.library.function.add()
        function.signature.name = name
        function.node_def.add(name="body", op=op)
    with pytest.raises(UnsafeGraphError) as error:
        refuse_side_effects_in(graph_def, [])
    assert "in 1 node;" in str(error.value)
    assert "\n  ReadFile 'inner/body': reads files\n" in str(error.value)
    refuse_side_effects_in(graph_def, ["ReadFile"])
    branch = graph_def.node.add(name="branch", op="Case")
    branch.attr["branches"].list.func.add(name="unused")
    with pytest.raises(UnsafeGraphError, match="WriteFile 'unused/body': writes files"):
        refuse_side_effects_in(graph_def, ["ReadFile"])


# Ops that TensorFlow has to test itself with.
TESTS_OF_TENSORFLOW = r"""
A|B|Attr\w*|Binary|Unary|ComplexStruct|MixedStruct|Simple\w*|ConstructionFails|CopyOp|DefaultAttrs
|DevicePlacementOp|Fact|FiveFloatOutputs|Float(In|Out)put\w*|Foo\d|Func(List)?Attr|GraphDefVersion
|N?InPolymorphicTwice|Int64Output|Int(Attr|In|Out)\w*|KernelLabel\w*|List(In|Out)put|NInTw\w+|NInts\w+
|NPolymorphic\w+|None|Old|OpWith\w+|Out(T|Type)\w*|Polymorphic\w*|Ref(In|Out)\w*
|RequiresOlderGraphVersion|Reserved(Attr|Input)|Resource(Create|Initialized|Using)Op|Restrict
|StringListAttr|StubResourceHandleOp|Test(Attr|StringOutput)|Two(Float|Int)\w+|TwoRefsIn|TypeList\w*
""".replace("\n", "")


def registry_of_1_15():
    """Returns whether it is stateful by the name of each op; see golden/make_ops.py."""
    with open("tests/golden/ops.txt") as file:
        return {line.split()[0]: line.endswith(" stateful\n") for line in file}


def test_no_op_of_tensorflow_1_15_is_forgotten():
    """Each may run, or it is written why not."""
    ops = registry_of_1_15()
    assert len(ops) > 1300
    others = set(ops) - HARMLESS_OPS - CALL_OPS
    own = {name for name in others if re.fullmatch(TESTS_OF_TENSORFLOW, name)}
    assert len(own) < 110
    unknown = "slimfix does not know what it does"
    assert sorted(name for name in others - own if side_effects._reason(name) == unknown) == []
    assert [name for name in PURE_OPS if ops.get(name)] == []


def test_the_gradients_and_kernels_of_networks_may_run():
    ops = [
        name for name in registry_of_1_15() if re.search(r"Grad(V\d)?$|^Quantized|^Ragged", name)
    ]
    refused = set(ops) - HARMLESS_OPS
    assert len(ops) > 90
    assert refused == {"UnbatchGrad"}  # It hands on what another run gave to Batch.


def test_the_way_out_is_the_callers():
    with pytest.raises(UnsafeGraphError, match="Fix: feed less; for a graph that you trust"):
        refuse_side_effects([Node("bad", "PyFunc", (), ())], [], "feed less")
