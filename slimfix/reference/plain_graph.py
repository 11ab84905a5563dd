"""Writes graph records as a GraphDef that holds no variables: their values are fed."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterable, Mapping

import numpy as np

from slimfix.graphdef import protos
from slimfix.graphdef.to_tensorflow import to_tensorflow
from slimfix.graphdef.variables import ASSIGN_OPS, VARIABLE_OPS, gather_of_value
from slimfix.graphdef.view import Node

_FLOAT, _DOUBLE, _RESOURCE = 1, 2, 20  # tensorflow/core/framework/types.proto
_PLAIN_OPS = {
    "RefSwitch": "Switch",
    "RefMerge": "Merge",
    "RefIdentity": "Identity",
    "ReadVariableOp": "Identity",
    "Print": "Identity",
}
# An attribute of nodes that compute in float32 what float32 decides: where a pixel lies, say.
STAYS_FLOAT32 = "_slimfix_stays_float32"
_OF_PLACEHOLDERS = ("dtype", "shape", STAYS_FLOAT32)
# A frozen graph holds its weights as constants; shapes and other settings are far smaller.
_LARGE = 4096


def is_stored(node: Node) -> bool:
    """Tells whether a node is a variable or a large constant, whose value is fed when needed."""
    if node.op in VARIABLE_OPS:
        return True
    # In a branch a constant must be able to die with it: there it has a control input.
    if node.op != "Const" or node.control_inputs:
        return False
    shape = node.attrs["value"].tensor.tensor_shape
    return bool(np.prod([dim.size for dim in shape.dim], dtype=np.int64) > _LARGE)


def stored_value(node: Node, read: Callable[[str], np.ndarray]) -> np.ndarray:
    """Returns the value of a node for which `is_stored` is true."""
    return np.asarray(node.attr("value") if node.op == "Const" else read(node.name))


def placeholder(node: Node) -> Node:
    """Returns the placeholder that stands for a node for which `is_stored` is true."""
    kept = {key: node.attrs[key] for key in _OF_PLACEHOLDERS if key in node.attrs}
    return dataclasses.replace(node, op="Placeholder", attrs=kept)


def without_hints(node: Node) -> Node:
    """Returns a node without the attributes that say where it lies and what shapes it had."""
    attrs = {key: value for key, value in node.attrs.items() if not key.startswith("_")}
    return dataclasses.replace(node, attrs=attrs)


def read_instead(node: Node, handled: Any) -> Node:
    """Returns the op on a variable's value that means the same as an op on the variable.

    What assigns a variable hands through what it would assign: in inference nothing asks for it.
    What prints hands through what it would print, and prints nothing.

    Args:
      node: any; most are returned with less attributes but else as they are.
      handled: AttrValue, dtype of the variable whose handle the node hands on; or None.
    """
    if node.op == "ResourceGather":
        node = gather_of_value(node)
    op, inputs = _PLAIN_OPS.get(node.op, node.op), node.inputs
    attrs = dict(without_hints(node).attrs)
    if handled is not None:
        attrs["T"] = handled
    if node.op in ASSIGN_OPS:
        op, inputs = "Identity", node.inputs[1:]
    if node.op == "Print":
        inputs = node.inputs[:1]
    if "T" not in attrs and op == "Identity":  # Of ops on resource variables.
        attrs["T"] = attrs["dtype"]
    if op == "Identity":
        attrs = {"T": attrs["T"]}
    return dataclasses.replace(node, op=op, inputs=inputs, attrs=attrs)


def find_handles(nodes: Mapping[str, Node]) -> dict[str, Any]:
    """Returns the variable's dtype by the name of each node that hands its handle on."""
    carried: dict[str, Any] = {}
    for node in nodes.values():
        if node.attr("T") == _RESOURCE:
            source = node
            while source.op not in VARIABLE_OPS and source.inputs:
                source = nodes[source.inputs[0].rpartition(":")[0]]
            if source.op in VARIABLE_OPS:
                carried[node.name] = source.attrs["dtype"]
    return carried


def to_graph_def(nodes: Iterable[Node], float64: bool) -> Any:
    """Returns TensorFlow's GraphDef of some nodes.

    Args:
      nodes: in any order.
      float64: turn every float32 type and constant to float64.
    """
    result = protos.GraphDef()
    for node in nodes:
        inputs = [*node.inputs, *(f"^{name}" for name in node.control_inputs)]
        proto = protos.add_node(result, node.name, node.op, inputs, node.attrs)
        if float64 and STAYS_FLOAT32 not in node.attrs:
            _widen(proto)
    return to_tensorflow(result)


def widened(value: np.ndarray) -> np.ndarray:
    """Returns a float32 array in float64, any other as it is."""
    return value.astype(np.float64) if value.dtype == np.float32 else value


def _widen(proto: Any) -> None:
    for value in proto.attr.values():
        if value.type == _FLOAT:
            value.type = _DOUBLE
        for index, item in enumerate(value.list.type):
            if item == _FLOAT:
                value.list.type[index] = _DOUBLE
        if value.HasField("tensor") and value.tensor.dtype == _FLOAT:
            _widen_tensor(value.tensor)


def _widen_tensor(proto: Any) -> None:
    """Turns a float32 TensorProto to float64; one number for all places stays one."""
    values = np.frombuffer(proto.tensor_content, np.float32) if proto.tensor_content else None
    numbers = list(proto.float_val) if values is None else values.tolist()
    proto.ClearField("float_val")
    proto.ClearField("tensor_content")
    proto.dtype = _DOUBLE
    proto.double_val.extend(numbers)
