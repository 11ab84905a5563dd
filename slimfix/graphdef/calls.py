"""Which ops run functions of the graph, and which of these functions a view opens."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from slimfix.graphdef.circles import sources_first

CONDITIONALS = ("If", "StatelessIf")
LOOPS = ("While", "StatelessWhile")
CASES = ("Case", "StatelessCase")  # They have a list of functions; no view opens them.
# By op, the attributes that name the functions which it runs, as far as a view opens them.
_OPENED = {
    **dict.fromkeys(("PartitionedCall", "StatefulPartitionedCall"), ("f",)),
    **dict.fromkeys(CONDITIONALS, ("then_branch", "else_branch")),
    **dict.fromkeys(LOOPS, ("cond", "body")),
}
CALL_OPS = frozenset([*_OPENED, *CASES])


def functions_run_by(op: str, attrs: Mapping[str, Any], library: Mapping[str, Any]) -> list[str]:
    """Returns the names of the functions that opening a node opens; [] for what is not opened.

    Args:
      op, attrs: of the node.
      library: FunctionDef by name; a node that runs another is not opened.
    """
    if op in library:
        return [op]
    named = [attrs[key].func.name for key in _OPENED.get(op, ())]
    return named if all(name in library for name in named) else []


def functions_below(nodes: Iterable[Any], library: Mapping[str, Any]) -> list[str]:
    """Returns what `functions_run_by` has for NodeDefs: a name for each call."""
    return [name for node in nodes for name in functions_run_by(node.op, node.attr, library)]


def without_recursive(library: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the functions that can be opened: none that leads back to itself.

    TensorFlow 1 lets one declare a function and call it in its own body, TensorFlow 2 in a branch.
    A few more are left out: those that such a function calls on the way to another.
    """
    calls = {name: functions_below(each.node_def, library) for name, each in library.items()}
    left = calls.keys() - sources_first(calls)  # They lead to a circle.
    callers: dict[str, list[str]] = {name: [] for name in left}
    for name in left:
        for called in calls[name]:
            if called in left:
                callers[called].append(name)
    recursive = left - set(sources_first(callers))  # And a circle leads to them.
    return {name: each for name, each in library.items() if name not in recursive}
