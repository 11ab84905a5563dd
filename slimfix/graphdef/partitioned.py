"""Reads a partitioned variable as the one variable that it is."""

from __future__ import annotations

from slimfix import names
from slimfix.graphdef.constants import read_scalar
from slimfix.graphdef.variables import VARIABLE_OPS, trace_variable
from slimfix.graphdef.view import GraphView, Node


def find_joined(view: GraphView) -> dict[str, str]:
    """Returns the nodes that put a partitioned variable together: node name to variable name.

    Such a node is the concatenation of 'w/part_0', 'w/part_1' ...: all the parts that the graph
    has of one variable, in their order. The variable is 'w', as a checkpoint calls it.
    """
    part_counts: dict[str, int] = {}
    for node in view.nodes.values():
        whole = names.whole_name(node.name)
        if node.op in VARIABLE_OPS and whole != node.name:
            part_counts[whole] = part_counts.get(whole, 0) + 1
    if not part_counts:
        return {}
    joins = ((node, _joined_variable(view, node)) for node in view.nodes.values())
    return {
        node.name: whole
        for node, whole in joins
        if whole is not None and len(node.inputs) - 1 == part_counts[whole]
    }


def _joined_variable(view: GraphView, node: Node) -> str | None:
    if node.op != "ConcatV2" or read_scalar(view, node.inputs[-1]) is None:
        return None
    parts = [trace_variable(view, tensor) for tensor in node.inputs[:-1]]
    whole = names.whole_name(parts[0] or "")
    in_order = [f"{whole}/part_{index}" for index in range(len(parts))]
    return whole if parts == in_order else None


def find_slices(view: GraphView, node: Node) -> dict[str, tuple[slice, ...]]:
    """Returns where each part lies in the variable that a node puts together, by its name.

    Args:
      view: the graph.
      node: of `find_joined`.
    Returns: {} where the graph does not tell.
    """
    parts = [trace_variable(view, tensor) or "" for tensor in node.inputs[:-1]]
    shapes = [view.nodes[part].attr("shape") or () for part in parts]
    axis, rank = read_scalar(view, node.inputs[-1]) or 0, len(shapes[0])
    if not -rank <= axis < rank or any(len(each) != rank or None in each for each in shapes):
        return {}
    found, start = {}, 0
    for part, shape in zip(parts, shapes):
        place = [slice(None)] * rank
        place[int(axis)] = slice(start, start + shape[int(axis)])
        found[part] = tuple(place)
        start += shape[int(axis)]
    return found
