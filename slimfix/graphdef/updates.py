"""Which ops assign the statistics of a batch norm from a batch."""

from __future__ import annotations

import dataclasses
from typing import Iterable, Sequence

from slimfix import names
from slimfix.graphdef.variables import (
    ASSIGN_OPS,
    PASSIVE_OPS,
    assigned_variable,
    trace_variable,
)
from slimfix.graphdef.view import GraphView, Node

# Ops that a batch statistic may pass through on its way into a variable. Reductions and products
# with matrices are not among them, so that a walk ends where another layer begins.
_GLUE_OPS = PASSIVE_OPS | frozenset(
    [
        "Add",
        "AddV2",
        "Div",
        "Maximum",
        "Merge",
        "Minimum",
        "Mul",
        "MulNoNan",
        "Neg",
        "Pow",
        "RealDiv",
        "Relu",
        "Select",
        "SelectV2",
        "Sqrt",
        "Square",
        "StopGradient",
        "Sub",
    ]
)
# What reads a variable, and may do so after an op that it waits for has assigned it.
_READ_OPS = ("Identity", "ReadVariableOp")

# How the ops begin that apply gradients to variables: ApplyMomentum, ResourceApplyAdam, ...
OPTIMIZER_UPDATES = ("Apply", "ResourceApply", "ResourceSparseApply", "SparseApply")


@dataclasses.dataclass(frozen=True)
class Update:
    """One node that assigns a statistic, and the name of the variable that it assigns."""

    node: str
    variable: str


def find_updates(
    view: GraphView, statistics: Iterable[str], normalise_ops: Sequence[str]
) -> list[Update]:
    """Returns the updates that values of a batch flow into.

    Args:
      view: the graph.
      statistics: tensor names of the batch's mean, or variance.
      normalise_ops: names of the nodes that use them for the output; not followed.
    Returns: list of Update in the order of the graph. Initialisers and restore ops are not among
      them, for no value of a batch reaches those.
    """
    seen: set[str] = set()
    pending = [
        node
        for tensor in statistics
        for node in view.consumers(names.split_tensor_name(tensor)[0])
        if tensor in node.inputs
    ]
    while pending:
        node = pending.pop()
        if node.name in seen or node.name in normalise_ops or names.in_gradients_scope(node.name):
            continue
        if node.op in ASSIGN_OPS or node.op in _GLUE_OPS:
            seen.add(node.name)
            pending.extend(_readers(view, node))
    return _updates_among(view, seen)


def add_counters(view: GraphView, updates: Sequence[Update]) -> list[Update]:
    """Returns the updates and those that they read but no batch flows into: a step counter's."""
    seen: set[str] = set()
    pending = [view.nodes[update.node] for update in updates]
    while pending:
        node = pending.pop()
        if node.name not in seen and (node.op in ASSIGN_OPS or node.op in _GLUE_OPS):
            seen.add(node.name)
            pending.extend(view.nodes[name] for name in _sources(view, node))
    return _updates_among(view, seen)


def last_assigned(view: GraphView, updates: Sequence[Update]) -> str | None:
    """Returns the variable assigned after all others have been: the statistic inference reads.

    Zero debiasing assigns the biased mean first, renormalisation its own statistics.
    """
    if len(updates) == 1:
        return updates[0].variable
    earlier = {
        name for update in updates for name in view.ancestors([update.node]) if name != update.node
    }
    last = [update.variable for update in updates if update.node not in earlier]
    return last[0] if last else None


def updates_run_by(view: GraphView, name: str) -> set[str]:
    """Returns the names of the assigning nodes that are, or make up, one entry of UPDATE_OPS.

    An entry is the assigning op, a read of what it assigned, or a group of such. What an entry
    merely waits for, as a loss waits for a train op, is not part of it.
    """
    seen: set[str] = set()
    pending = [name]
    while pending:
        node = view.nodes.get(pending.pop())
        if node is None or node.name in seen:
            continue
        if node.op == "NoOp":
            seen.add(node.name)
            pending.extend(node.control_inputs)
        elif node.op in ASSIGN_OPS or node.op in _GLUE_OPS:
            seen.add(node.name)
            pending.extend(_sources(view, node))
    return {each for each in seen if view.nodes[each].op in ASSIGN_OPS}


def _updates_among(view: GraphView, nodes: set[str]) -> list[Update]:
    pairs = [(node.name, assigned_variable(view, node)) for node in view.in_order(nodes)]
    return [Update(name, variable) for name, variable in pairs if variable]


def _readers(view: GraphView, node: Node) -> list[Node]:
    """Returns the nodes that read what a node gives, or the variable that it assigned."""
    # A whole train step may wait for each update: only a read can matter among those that wait.
    waiting = [each for each in view.consumers(node.name) if each.op in _READ_OPS]
    after = [each for each in waiting if node.name in _sources(view, each)]
    return view.consumers(node.name, control=False) + after


def _sources(view: GraphView, node: Node) -> list[str]:
    """Returns the names of the nodes whose values a node reads.

    A resource variable hands its new value on through no edge but a control edge: from the node
    that assigns to a node that reads the same variable.
    """
    data = [names.split_tensor_name(tensor)[0] for tensor in node.inputs]
    if node.op not in _READ_OPS:
        return data
    variable = trace_variable(view, node.inputs[0])
    assigned = [
        name
        for name in node.control_inputs
        if variable and assigned_variable(view, view.nodes[name]) == variable
    ]
    return data + assigned
