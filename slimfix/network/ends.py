"""Where the forward pass of a network ends: the tensors that nothing else of it reads."""

from __future__ import annotations

from typing import Collection, Mapping

from slimfix import names
from slimfix.graphdef.view import GraphView, Node
from slimfix.network.forward import find_readers, is_layer, is_result


def find_ends(view: GraphView, forward: Collection[str], inputs: Collection[str]) -> list[Node]:
    """Returns the nodes that give results and that nothing else of the network reads.

    Args:
      view: the whole graph.
      forward: names of the nodes of the forward pass.
      inputs: names of the nodes that are fed.
    """
    left = leave_out_measurements(view, set(forward) - set(inputs))
    return _ends(view, left)


def leave_out_measurements(view: GraphView, forward: Collection[str]) -> set[str]:
    """Returns the nodes of a forward pass without those that end in a scalar.

    A scalar is no result of the network, but measures it: a loss, or the sparsity that slim's
    scripts summarise of every end point.
    """
    left = set(forward)
    by_scope = _group_by_scope(left)
    while True:
        scalars = [node for node in _ends(view, left) if _is_scalar(view, node)]
        if not scalars:
            return left
        for node in scalars:
            left -= _measurement(view, node, left, by_scope)


def _ends(view: GraphView, left: Collection[str]) -> list[Node]:
    return [
        node
        for node in view.in_order(left)
        if is_result(view, node) and not find_readers(view, node, left)
    ]


def _is_scalar(view: GraphView, node: Node) -> bool:
    shape = node.output_shape(0)
    if shape is not None:
        return shape == ()
    return any(r.op == "ScalarSummary" for r in view.consumers(node.name, control=False))


def _group_by_scope(nodes: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in nodes:
        for scope in names.scopes_of(name):
            found.setdefault(scope, []).append(name)
    return found


def _measurement(
    view: GraphView, scalar: Node, left: Collection[str], by_scope: Mapping[str, list[str]]
) -> set[str]:
    """Returns the scalar's node, and the rest of its scope if that serves nothing else."""
    scope = by_scope.get(names.parent_scope(scalar.name), [])
    inside = {name for name in scope if name in left}
    if any(is_layer(view, view.nodes[name]) for name in inside):
        return {scalar.name}
    readers = (each for name in inside for each in find_readers(view, view.nodes[name], left))
    serves_more = any(each.name not in inside for each in readers)
    return {scalar.name} if serves_more else {scalar.name, *inside}
