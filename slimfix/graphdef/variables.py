"""Which variable a node reads or assigns, for ref variables and resource variables alike."""

from __future__ import annotations

import dataclasses

from slimfix.graphdef.view import GraphView, Node

VARIABLE_OPS = frozenset(["AutoReloadVariable", "Variable", "VariableV2", "VarHandleOp"])
ASSIGN_OPS = frozenset(
    [
        "Assign",
        "AssignAdd",
        "AssignSub",
        "AssignVariableOp",
        "AssignAddVariableOp",
        "AssignSubVariableOp",
    ]
)
# Ops whose output 0 (for Switch, either output) is their input 0, in value or but for its shape.
PASSIVE_OPS = frozenset(
    [
        "Identity",
        "RefIdentity",
        "ReadVariableOp",
        "Switch",
        "RefSwitch",
        "Enter",
        "RefEnter",
        "Cast",
        "Reshape",
        "Squeeze",
        "ExpandDims",
    ]
)


def trace_variable(view: GraphView, tensor: str) -> str | None:
    """Returns the name of the variable whose value or handle a tensor is, or None.

    Args:
      view: the graph.
      tensor: tensor name, e.g. 'conv1/weights/read:0'.
    """
    node = view.producer(tensor)
    while node.op in PASSIVE_OPS:
        node = view.producer(node.inputs[0])
    return node.name if node.op in VARIABLE_OPS else None


def gather_of_value(node: Node) -> Node:
    """Returns the Gather on a variable's value that a ResourceGather is on its handle.

    A Gather knows no batch_dims: a node that has some is returned as it is.
    """
    if node.attr("batch_dims"):
        return node
    attrs = {key: node.attrs[key] for key in ("Tindices", "validate_indices") if key in node.attrs}
    return dataclasses.replace(node, op="Gather", attrs={**attrs, "Tparams": node.attrs["dtype"]})


def assigned_variable(view: GraphView, node: Node) -> str | None:
    """Returns the name of the variable that a node assigns, or None where it assigns none."""
    return trace_variable(view, node.inputs[0]) if node.op in ASSIGN_OPS else None
