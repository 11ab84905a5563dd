"""Which nodes run update ops: those that only hand on what these assign, and those that do more."""

from __future__ import annotations

import dataclasses
from typing import Collection, Iterable, Sequence

from slimfix import names
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.updates import OPTIMIZER_UPDATES
from slimfix.graphdef.variables import ASSIGN_OPS, PASSIVE_OPS, trace_variable
from slimfix.graphdef.view import GraphView, Node

# What hands on the new value of a statistic. A conditional of control flow version 2 hands out all
# that its branches compute, wrapped in optionals, in case a gradient needs it.
_HANDING_OPS = PASSIVE_OPS | frozenset(["Merge", "OptionalFromValue"])


@dataclasses.dataclass(frozen=True)
class UpdatePaths:
    """The nodes that run when something asks for them, and with them the updates.

    Attributes:
      own: names of the updates, and of nodes that only hand on what they assigned, or group
        them: what a collection of update ops holds.
      others: names of the nodes that do something else as well, such as a train op.
    """

    own: frozenset[str]
    others: frozenset[str]


def find_update_paths(view: GraphView, layers: Iterable[BatchNormLayer]) -> UpdatePaths:
    """Returns the nodes that run updates of these layers."""
    layers = list(layers)
    updates = {name for layer in layers for name in layer.update_ops}
    statistics = {name for layer in layers for name in layer.statistics}
    reached = view.descendants(updates)
    # An update may wait for an earlier one: zero debiasing assigns three variables in a row.
    own = reached & view.ancestors(updates, stop=lambda node: node.name not in reached)
    for node in view.in_order(reached - own):
        if _only_hands_on(view, node, own, statistics):
            own.add(node.name)
    return UpdatePaths(frozenset(own), frozenset(reached - own))


def _only_hands_on(
    view: GraphView, node: Node, own: Collection[str], statistics: Collection[str]
) -> bool:
    if node.op == "NoOp":
        return all(name in own or _changes_nothing(view, name) for name in node.control_inputs)
    return node.op in _HANDING_OPS and all(
        names.split_tensor_name(tensor)[0] in own
        or trace_variable(view, tensor) in statistics
        or view.producer(tensor).op == "OptionalNone"
        or _is_pivot(view, tensor)
        for tensor in node.inputs
    )


def _changes_nothing(view: GraphView, name: str) -> bool:
    ops = (view.nodes[each].op for each in view.ancestors([name]))
    return not any(op in ASSIGN_OPS or op.startswith(OPTIMIZER_UPDATES) for op in ops)


def _is_pivot(view: GraphView, tensor: str) -> bool:
    """Tells whether a tensor only says which branch is taken: a predicate, switched by itself."""
    node = view.producer(tensor)
    while node.op == "Identity":
        node = view.producer(node.inputs[0])
    return node.op == "Switch" and node.inputs[0] == node.inputs[1]


def is_forced(view: GraphView, layer: BatchNormLayer) -> bool:
    """Tells whether the layer's output waits for its updates: updates_collections=None."""
    if any(_is_run_by_call(view, update, layer.normalise_ops) for update in layer.update_ops):
        return True
    others = find_update_paths(view, [layer]).others
    pending = list(layer.normalise_ops)
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in others:
            return True
        if name not in seen:
            seen.add(name)
            readers = view.consumers(name, control=False)
            pending.extend(node.name for node in readers if node.op in _HANDING_OPS)
    return False


def _is_run_by_call(view: GraphView, update: str, normalise_ops: Sequence[str]) -> bool:
    """Tells whether one function call gives the layer's output and runs the update on the way.

    In the view a call is a NoOp that waits for all that the call runs, and its nodes lie below it.
    """
    calls = [
        scope
        for scope in names.scopes_of(update)
        if scope in view and any(names.in_scope(each, scope) for each in normalise_ops)
    ]
    return any(view.nodes[call].op == "NoOp" and update in view.ancestors([call]) for call in calls)


def last_of(view: GraphView, found: Collection[str]) -> list[Node]:
    """Returns those of the nodes that no other of them needs."""
    return [
        node
        for node in view.in_order(found)
        if not any(each.name in found for each in view.consumers(node.name))
    ]
