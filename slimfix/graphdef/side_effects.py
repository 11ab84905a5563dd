"""Refuses to run what a graph does beside computing: read a file, call Python, print, wait."""

from __future__ import annotations

import re
from typing import Any, Collection, Iterable

from slimfix.errors import UnsafeGraphError, count, explain
from slimfix.graphdef.calls import CALL_OPS
from slimfix.graphdef.pure_ops import HARMLESS_OPS
from slimfix.graphdef.view import GraphView, Node

# Only for the text: what is on no list of `pure_ops` is refused whatever it is called.
_REASONS = (
    (r"WriteFile|Save|MergeV2Checkpoints|.*SummaryWriter|Write.*Summary", "writes files"),
    (r"ReadFile|MatchingFiles|Restore|ImmutableConst|.*Vocab.*|Decode\w*Proto", "reads files"),
    (r"(Eager)?PyFunc", "calls Python code"),
    (r"Print|LogMessage", "prints"),
    (r".*(Dataset|Iterator|Queue|Reader|Barrier|Stage)", "is an input pipeline"),
    (r".*(HashTable|LookupTable|Lookup|InitializeTable)", "reaches a table outside the graph"),
    (r"_?(Host)?(Send|Recv)|Collective|.*Rpc|.*AllReduce|Nccl", "talks to other processes"),
)
_OF_SLIMFIX = "slimfix."  # Stand-ins that `resolve` makes.


def refuse_side_effects(nodes: Iterable[Node], allowed: Collection[str]) -> None:
    """Raises unless all of these nodes only compute, or are of op types that the user lets run.

    Args:
      nodes: what is to be read as a function, or run.
      allowed: op types.
    Raises: UnsafeGraphError: names all others.
    """
    found = [
        node
        for node in nodes
        if node.op not in HARMLESS_OPS
        and node.op not in allowed
        and not node.op.startswith(_OF_SLIMFIX)
    ]
    if not found:
        return
    ops = ",".join(sorted({node.op for node in found}))
    raise UnsafeGraphError(
        explain(
            f"The graph does more than compute in {count(len(found), 'node')}; nothing was run",
            [f"{node.op} '{node.name}': {_reason(node.op)}" for node in found],
            cause="it reads data, logs, or has an op of its own between inputs and outputs; or "
            "the file is not what it seems.",
            fix="choose --inputs behind these nodes or --outputs before them; for a graph that you "
            f"trust, let them run with allow_ops (--allow_ops={ops}).",
        )
    )


def refuse_side_effects_in(graph_def: Any, allowed: Collection[str]) -> None:
    """Raises as `refuse_side_effects` for a whole GraphDef, functions that it calls included."""
    library = {function.signature.name: function for function in graph_def.library.function}
    pending = list(GraphView.from_graph_def(graph_def).nodes.values())
    found, seen = [], set()
    while pending:
        node = pending.pop(0)
        if node.op not in CALL_OPS and node.op not in library:
            found.append(node)
        for name in [node.op, *_named_functions(node)]:
            if name in library and name not in seen:
                seen.add(name)
                pending += [
                    Node(f"{name}/{proto.name}", proto.op, (), (), proto.attr)
                    for proto in library[name].node_def
                ]
    refuse_side_effects(found, allowed)


def _named_functions(node: Node) -> list[str]:
    values = [value for value in node.attrs.values() if hasattr(value, "func")]
    named = [value.func.name for value in values if value.func.name]
    return named + [each.name for value in values for each in value.list.func]


def _reason(op: str) -> str:
    for pattern, reason in _REASONS:
        if re.match(pattern, op):
            return reason
    return "slimfix does not know what it does"
