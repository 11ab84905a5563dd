"""Runs the original TensorFlow 1 graph, as it is in float32 or rewritten to float64.

This is the side of the proof that owes nothing to the migration: the graph keeps its conditionals
and its identities, switches are fed, and batch norm is written out here once more.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.variables import VARIABLE_OPS, gather_of_value
from slimfix.graphdef.view import GraphView
from slimfix.parity import single_kernels
from slimfix.parity.constant_parts import compute_constants
from slimfix.parity.fused_batch_norm import write_out

_FLOAT, _DOUBLE, _RESOURCE = 1, 2, 20  # tensorflow/core/framework/types.proto
# What assigns a variable hands through what it would assign: in inference nothing asks for it.
_ASSIGNMENTS = ("Assign", "AssignAdd", "AssignSub")
_RESOURCE_ASSIGNMENTS = ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp")
_PLAIN_OPS = {
    "RefSwitch": "Switch",
    "RefMerge": "Merge",
    "RefIdentity": "Identity",
    "ReadVariableOp": "Identity",
}


def run_reference(
    view: GraphView,
    read: Callable[[str], np.ndarray],
    feeds: Mapping[str, Any],
    fetches: Sequence[str],
    float64: bool,
) -> dict[str, np.ndarray]:
    """Returns the values of tensors of a TensorFlow 1 graph.

    Args:
      view: the whole graph.
      read: gives the value of a variable by its name.
      feeds: value by tensor name; switches such as is_training among them.
      fetches: tensor names.
      float64: rewrite every float32 tensor, constant and variable to float64, and every fused
        batch norm to primitive ops (its kernels know no float64).
    Returns: value by tensor name.
    """
    import tensorflow.compat.v1 as tf

    rewritten = _rewrite(view, read, feeds, fetches, float64)
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(rewritten, name="")
    # As it is: an optimizer that fuses two ops may take away a tensor that is asked for.
    as_it_is = tf.ConfigProto()
    as_it_is.graph_options.rewrite_options.disable_meta_optimizer = True
    with tf.Session(graph=graph, config=as_it_is) as session:
        fed = {
            f"{names.fed_name(name)}:0": np.asarray(value, np.float64)
            if float64 and _is_float32(value)
            else value
            for name, value in feeds.items()
        }
        known = {name: value for name, value in fed.items() if _has(graph, name)}
        asked = [f"{names.fed_name(t)}:0" if t in feeds else t for t in fetches]
        return dict(zip(fetches, session.run(asked, known)))


def _has(graph: Any, tensor: str) -> bool:
    try:
        graph.get_tensor_by_name(tensor)
    except KeyError:
        return False
    return True


def _is_float32(value: Any) -> bool:
    return np.asarray(value).dtype == np.float32


def _rewrite(
    view: GraphView,
    read: Callable[[str], np.ndarray],
    feeds: Mapping[str, Any],
    fetches: Sequence[str],
    float64: bool,
) -> Any:
    import tensorflow.compat.v1 as tf

    fed = {names.split_tensor_name(tensor)[0] for tensor in feeds}
    needed = view.ancestors(
        [names.split_tensor_name(tensor)[0] for tensor in fetches],
        stop=lambda node: node.name in fed,
    )
    handles = _carry_handles(view, needed)
    renamed = {tensor: f"{names.fed_name(tensor)}:0" for tensor in feeds}
    result = tf.GraphDef()
    for tensor, value in compute_constants(view, needed).items() if float64 else ():
        name = "{}/constant_{}".format(*names.split_tensor_name(tensor))
        _add_constant(result, name, value, float64)
        renamed[tensor] = name
    for tensor, value in feeds.items():
        if names.split_tensor_name(tensor)[0] in needed:
            _add_placeholder(result, names.fed_name(tensor), np.asarray(value), float64)
    for node in view.nodes.values():
        if node.name not in needed or node.name in fed:
            continue
        if node.op in VARIABLE_OPS:
            _add_constant(result, node.name, read(node.name), float64)
        elif node.op in FUSED_OPS and float64:
            renamed.update(write_out(result, node))
        elif node.op in single_kernels.FORMULAS and float64:
            single_kernels.write_out(result, node)
        else:
            if node.op == "ResourceGather":
                node = gather_of_value(node)
            copied = result.node.add(name=node.name, op=node.op)
            copied.input.extend([*node.inputs, *(f"^{name}" for name in node.control_inputs)])
            for key, value in node.attrs.items():
                copied.attr[key].CopyFrom(value)
            _make_plain(copied, read(handles[node.name]) if node.name in handles else None)
            if float64:
                _to_double(copied)
    for node in result.node:
        _rename_inputs(node, renamed)
    return result


def _carry_handles(view: GraphView, needed: set[str]) -> dict[str, str]:
    """Returns the variable by the name of each node that hands its resource handle on."""
    carried: dict[str, str] = {}
    for node in view.nodes.values():
        if node.name in needed and node.attr("T") == _RESOURCE:
            source = node
            while source.op not in VARIABLE_OPS and source.inputs:
                source = view.producer(source.inputs[0])
            carried[node.name] = source.name
    return carried


def _make_plain(node: Any, handled: Any) -> None:
    """Turns an op on a variable, in place, into the op on its value that means the same."""
    import tensorflow.compat.v1 as tf

    for key in [key for key in node.attr if key.startswith("_")]:
        del node.attr[key]
    if handled is not None:
        node.attr["T"].type = tf.as_dtype(handled.dtype).as_datatype_enum
    if node.op == "ReadVariableOp":
        node.attr["T"].CopyFrom(node.attr["dtype"])
    if node.op in _ASSIGNMENTS or node.op in _RESOURCE_ASSIGNMENTS:
        if node.op in _RESOURCE_ASSIGNMENTS:
            node.attr["T"].CopyFrom(node.attr["dtype"])
        del node.input[0]
        node.op = "Identity"
    node.op = _PLAIN_OPS.get(node.op, node.op)
    if node.op == "Identity":
        for key in [key for key in node.attr if key != "T"]:
            del node.attr[key]


def _to_double(node: Any) -> None:
    import tensorflow.compat.v1 as tf

    for value in node.attr.values():
        if value.type == _FLOAT:
            value.type = _DOUBLE
        for index, item in enumerate(value.list.type):
            if item == _FLOAT:
                value.list.type[index] = _DOUBLE
        if value.HasField("tensor") and value.tensor.dtype == _FLOAT:
            array = tf.make_ndarray(value.tensor).astype(np.float64)
            value.tensor.CopyFrom(tf.make_tensor_proto(array))


def _add_constant(graph_def: Any, name: str, value: np.ndarray, float64: bool) -> None:
    import tensorflow.compat.v1 as tf

    if float64 and _is_float32(value):
        value = value.astype(np.float64)
    node = graph_def.node.add(name=name, op="Const")
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def _add_placeholder(graph_def: Any, name: str, value: np.ndarray, float64: bool) -> None:
    import tensorflow.compat.v1 as tf

    node = graph_def.node.add(name=name, op="Placeholder")
    dtype = np.float64 if float64 and _is_float32(value) else value.dtype
    node.attr["dtype"].type = tf.as_dtype(dtype).as_datatype_enum
    for size in value.shape:
        node.attr["shape"].shape.dim.add(size=size)
    node.attr["shape"].shape.SetInParent()


def _rename_inputs(node: Any, renamed: Mapping[str, str]) -> None:
    inputs: list[str] = [
        name
        if name.startswith("^")
        else renamed.get(names.join_tensor_name(*names.split_tensor_name(name)), name)
        for name in node.input
    ]
    del node.input[:]
    node.input.extend(inputs)
