"""Which branch of a `tf.cond`, or loop, a tensor of a version 1 graph is made in.

A version 1 `tf.cond` has no body of its own: Switch ops lead into its branches and Merge ops lead
out. Whatever lies between runs only when the branch is taken.
"""

from __future__ import annotations

import dataclasses
from typing import Iterable

from slimfix import names
from slimfix.dtypes import BOOL
from slimfix.graphdef.view import GraphView, Node

_ENTRANCES = ("Switch", "RefSwitch", "Enter", "RefEnter")


@dataclasses.dataclass(frozen=True)
class Branch:
    """The inside of a `tf.cond` branch, or of a loop.

    Attributes:
      predicate: tensor name of the condition; None for a loop.
      taken_when: the value of the predicate for which the branch runs.
    """

    predicate: str | None
    taken_when: bool = True


def enclosing_branch(view: GraphView, tensor: str) -> Branch | None:
    """Returns the innermost branch or loop that makes a tensor, or None for one made outside."""
    entrance = _search(view, tensor)
    return _read_branch(view, entrance) if entrance else None


def enclosing_branches(view: GraphView, tensor: str) -> list[Branch]:
    """Returns all branches and loops around a tensor, the innermost first."""
    found = []
    entrance = _search(view, tensor)
    passed: set[str] = set()
    while entrance and entrance not in passed:  # A loop may lead back to the one it came from.
        passed.add(entrance)
        found.append(_read_branch(view, entrance))
        outside = [_search(view, each) for each in view.producer(entrance).inputs]
        entrance = next((each for each in outside if each), None)
    return found


def lead_outside(view: GraphView, tensor: str) -> str | None:
    """Returns the tensor of the same value outside all branches and loops, or None."""
    while enclosing_branch(view, tensor):
        node = view.producer(tensor)
        if node.op not in _ENTRANCES and node.op != "Identity":
            return None
        tensor = node.inputs[0]
    return tensor


def find_in_branches(view: GraphView, nodes: Iterable[str]) -> list[str]:
    """Returns those node names that lie inside a branch or a loop.

    Nothing outside may wait for them: a node that waits for a branch not taken never runs.
    """
    return [name for name in nodes if _search(view, names.join_tensor_name(name, 0))]


def _search(view: GraphView, tensor: str) -> str | None:
    """Walks back to the innermost entrance; returns the tensor that comes out of it, or None.

    It is an entrance that no exit on the way belongs to.

    The view remembers the states of searches without result: all lead to no entrance, so that all
    searches together take no longer than one.
    """
    pending = [(tensor, 0)]  # A tensor, and how many exits were passed and not yet matched.
    visited: set[tuple[str, int]] = set()
    while pending:
        state = pending.pop()
        if state in visited or state in view.known_outside:
            continue
        visited.add(state)
        name, exits = state
        node = view.producer(name)
        if _is_entrance(view, node):
            if not exits:
                return name
            exits -= 1
        elif _is_exit(view, node):
            exits += 1
        waits = [names.join_tensor_name(control, 0) for control in node.control_inputs]
        pending.extend((source, exits) for source in [*node.inputs, *waits])
    view.known_outside |= visited
    return None


def _is_entrance(view: GraphView, node: Node) -> bool:
    if node.op in ("Switch", "RefSwitch"):
        return view.producer(node.inputs[1]).op != "LoopCond"
    return node.op in ("Enter", "RefEnter")


def _is_exit(view: GraphView, node: Node) -> bool:
    if node.op in ("Merge", "RefMerge"):
        sources = [view.producer(tensor).op for tensor in node.inputs]
        return "NextIteration" not in sources and "RefNextIteration" not in sources
    return node.op in ("Exit", "RefExit")


def _read_branch(view: GraphView, tensor: str) -> Branch:
    entrance = view.producer(tensor)
    if entrance.op in ("Enter", "RefEnter"):
        return Branch(predicate=None)
    predicate = entrance.inputs[1]
    while view.producer(predicate).op in ("Identity", "Switch"):
        predicate = view.producer(predicate).inputs[0]
    return Branch(predicate, taken_when=names.split_tensor_name(tensor)[1] == 1)


def is_switch(node: Node) -> bool:
    """Tells whether a node is a boolean placeholder, as `is_training` mostly is, and no mask."""
    is_boolean = node.op in ("Placeholder", "PlaceholderWithDefault") and node.attr("dtype") == BOOL
    return is_boolean and not node.attr("shape")
