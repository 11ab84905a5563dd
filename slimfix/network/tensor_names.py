"""What the user calls a tensor: by its name, by the scope that it comes out of, by a pattern."""

from __future__ import annotations

import re
from typing import Sequence

from slimfix import names
from slimfix.errors import UsageError, explain
from slimfix.graphdef.view import GraphView, Node
from slimfix.network.ends import leave_out_measurements
from slimfix.network.forward import find_forward, find_readers, is_result


def find_tensor(view: GraphView, name: str) -> str:
    """Returns the full name of a tensor; 'conv1/Relu' stands for 'conv1/Relu:0'.

    Raises: UsageError: the graph has none of this name; near names are listed.
    """
    tensor = _known(view, name)
    if tensor is None:
        raise _unknown(view, name)
    return tensor


def find_end_points(view: GraphView, name: str) -> tuple[str, ...]:
    """Returns the tensors that a name of an end point stands for.

    It is a tensor name; or a scope, for the one tensor of the network that leaves it, as slim's
    end points do ('InceptionV3/Mixed_5d'); or a regular expression for whole node names, for all
    tensors of the network that it matches, in the order of the graph.

    Raises: UsageError: it is none of these, or several tensors leave the scope.
    """
    tensor = _known(view, name)
    if tensor is not None:
        return (tensor,)
    if any(names.in_scope(node, name) for node in view.nodes):
        return (_leaving(view, name),)
    matched = [names.join_tensor_name(node, 0) for node in _matching(view, name)]
    if not matched:
        raise _unknown(view, name)
    return tuple(matched)


def _known(view: GraphView, name: str) -> str | None:
    node, colon, index = name.partition(":")
    if node not in view or not (index.isdigit() or not colon):
        return None
    return view.standing_name(names.join_tensor_name(node, int(index or 0)))


def _leaving(view: GraphView, scope: str) -> str:
    """Returns the tensor of a scope that the rest of the network reads, or that nothing reads."""
    forward = leave_out_measurements(view, find_forward(view))
    inside = [
        view.nodes[name]
        for name in view.nodes
        if name in forward and names.in_scope(name, scope) and is_result(view, view.nodes[name])
    ]
    found = [node for node in inside if _is_read_outside(view, node, scope, forward)]
    found = found or [node for node in inside if not find_readers(view, node, forward)]
    if len(found) != 1:
        raise UsageError(
            explain(
                f"{len(found)} tensors of the network leave scope '{scope}'",
                [f"'{node.name}:0' ({node.op})" for node in found],
                fix="name the one you want: --outputs=NAME:0.",
            )
        )
    return names.join_tensor_name(found[0].name, 0)


def _is_read_outside(view: GraphView, node: Node, scope: str, forward: set[str]) -> bool:
    return any(not names.in_scope(each.name, scope) for each in find_readers(view, node, forward))


def _matching(view: GraphView, pattern: str) -> Sequence[str]:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return []
    forward = find_forward(view)
    return [
        name
        for name, node in view.nodes.items()
        if compiled.fullmatch(name) and name in forward and is_result(view, node)
    ]


def _unknown(view: GraphView, name: str) -> UsageError:
    near = names.near_names(name.partition(":")[0], list(view.nodes), count=5)
    return UsageError(
        explain(
            f"The graph has no tensor '{name}'" + ("; near names" if near else ""),
            [f"'{found}:0' ({view.nodes[found].op})" for found in near],
            fix="name the tensor as it is called in the graph, e.g. net/logits/BiasAdd:0.",
        )
    )
