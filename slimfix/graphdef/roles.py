"""What each variable of a graph is for: by its name, unless the graph says otherwise."""

from __future__ import annotations

from typing import Collection, Sequence

from slimfix import names
from slimfix.graphdef.stored import StoredVariable
from slimfix.graphdef.updates import OPTIMIZER_UPDATES
from slimfix.graphdef.variables import PASSIVE_OPS, VARIABLE_OPS, assigned_variable
from slimfix.graphdef.view import GraphView, Node
from slimfix.names import Role

# Ops that a value ends in without becoming a part of any result: it is assigned, saved, shown.
_ENDS = ("Assign", "Scatter", "ResourceScatter", "Save", *OPTIMIZER_UPDATES)
_LOOKS = frozenset(["IsVariableInitialized", "VarIsInitializedOp"])


def find_roles(view: GraphView, variables: Sequence[StoredVariable]) -> dict[str, Role]:
    """Returns the role of each variable, by its name in a checkpoint.

    A name alone can lie both ways. A slot of an optimizer called 'Mine' is 'conv1/weights/Mine',
    which no list of names knows; the op that applies the gradients holds it. And a weight may be
    called 'conv1/weights/Momentum': what the network computes with is no slot and no shadow. The
    step is known by its collection too.

    Args:
      view: the graph.
      variables: all variables of the graph that may be saved.
    """
    every = {variable.name for variable in variables}
    held = _held_by_optimizers(view)
    steps = set(view.collections.get("global_step", ()))  # tf.GraphKeys.GLOBAL_STEP
    return {each.name: _role(view, each, every, held, steps) for each in variables}


def _role(
    view: GraphView,
    variable: StoredVariable,
    every: Collection[str],
    held: set[str],
    steps: set[str],
) -> Role:
    role = names.role_of(variable.name, every)
    nodes = [part.node for part in variable.parts]
    if role is Role.WEIGHT and steps.intersection(nodes):
        return Role.STEP
    if role is Role.WEIGHT and held.intersection(nodes):
        role = Role.OPTIMIZER_SLOT
    if role in (Role.OPTIMIZER_SLOT, Role.SHADOW) and any(_is_read(view, each) for each in nodes):
        return Role.WEIGHT
    return role


def _held_by_optimizers(view: GraphView) -> set[str]:
    """Returns the variable ops that go into an optimizer's op, but for the one that it trains."""
    return {
        source.name
        for node in view.nodes.values()
        if node.op.startswith(OPTIMIZER_UPDATES)
        for source in (view.producer(tensor) for tensor in node.inputs[1:])
        if source.op in VARIABLE_OPS
    }


def _is_read(view: GraphView, variable: str) -> bool:
    """Tells whether a result or a gradient is computed from a variable.

    What an optimizer or an average computes from its own variables goes into assignments only. An
    assignment to a local variable is a result: metrics sum up in them.
    """
    local = view.collections.get("local_variables", ())  # tf.GraphKeys.LOCAL_VARIABLES

    def ends(node: Node) -> bool:
        return _ends(node) and assigned_variable(view, node) not in local

    below = view.descendants([variable], control=False, stop=ends)
    # A bare read is no computation, but what is computed may be handed on by an Identity at last.
    computed = [name for name in below if view.nodes[name].op not in (*PASSIVE_OPS, *VARIABLE_OPS)]
    reached = view.descendants(computed, control=False, stop=ends)
    return any(
        names.in_gradients_scope(name) or not view.consumers(name, control=False)
        for name in reached
        if not ends(view.nodes[name])
    )


def _ends(node: Node) -> bool:
    return node.op.startswith(_ENDS) or node.op in _LOOKS or "Summary" in node.op
