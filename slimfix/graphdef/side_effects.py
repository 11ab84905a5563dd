"""Refuses to run what a graph does beside computing: read a file, call Python, print, wait."""

from __future__ import annotations

import collections
import re
from typing import Any, Collection, Iterable

from slimfix.errors import UnsafeGraphError, count, explain
from slimfix.graphdef.calls import CALL_OPS
from slimfix.graphdef.pure_ops import HARMLESS_OPS
from slimfix.graphdef.view import GraphView, Node

# Only for the text: what is on no list of `pure_ops` is refused whatever it is called.
_REASONS = (
    (
        r"WriteFile|Save|MergeV2Checkpoints|.*Summary(Db|File)?Writer|Write.*Summary|ImportEvent",
        "writes files",
    ),
    (
        r"ReadFile|MatchingFiles|Restore|ImmutableConst|.*Vocab.*|(De|En)code\w*Proto|Skipgram"
        r"|LoadAndRemapMatrix|FixedUnigramCandidateSampler|GcsConfigure",
        "reads files",
    ),
    (r"(Eager)?PyFunc", "calls Python code"),
    (r"Print|LogMessage", "prints"),
    (r"Abort", "ends the process"),
    (r"Timestamp", "reads the clock"),
    (r"Copy(Host)?$|Debug(Identity|NanCount|NumericSummary)", "reports to a debugger"),
    (r"\w*TPU|(In|Out)feed|Prelinearize|WorkerHeartbeat", "needs a TPU"),
    (
        r".*(Dataset|Iterator|Queue|Reader|Barrier|Stage|Unstage|MemoryCache|RandomSeedGenerator"
        r"|StatsAggregator|ThreadPoolHandle)|RecordInput|(Ordered)?Map(Clear|Incomplete|Peek|Size)",
        "is an input pipeline",
    ),
    (r".*(HashTable|LookupTable|Lookup|InitializeTable)", "reaches a table outside the graph"),
    (r".*(BoostedTrees|TensorForest)", "reaches decision trees outside the graph"),
    (
        r"_?(Host|Xla)?(Send|Recv)|Collective|.*Rpc|.*AllReduce|_?Nccl|AllToAll|CrossReplicaSum",
        "talks to other processes",
    ),
    (r".*Accumulator|Mutex|ConsumeMutexLock|(Unb|B)atch(Grad)?$", "waits for other runs"),
    (r"(Get|Delete)Session", "keeps tensors from one run to the next"),
    (r"(Resource)?(Sparse)?Apply[A-Z]|NegTrain|Sdca", "trains variables"),
    (
        r"SymbolicGradient|For$|RemoteCall|RemoteFusedGraph|MapDefun|BatchFunction",
        "runs a function that slimfix does not follow",
    ),
    (r"_?Xla", "runs inside XLA only"),
    (r"_", "is an op that TensorFlow makes while it runs a graph"),
)
_OF_SLIMFIX = "slimfix."  # Stand-ins that `resolve` makes.
_OTHER_ENDS = "choose --inputs behind these nodes or --outputs before them"


def refuse_side_effects(
    nodes: Iterable[Node], allowed: Collection[str], way_out: str = _OTHER_ENDS
) -> None:
    """Raises unless all of these nodes only compute, or are of op types that the user lets run.

    Args:
      nodes: what is to be read as a function, or run.
      allowed: op types.
      way_out: how the user can leave these nodes out, in words.
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
            fix=f"{way_out}; for a graph that you trust, let them run with allow_ops "
            f"(--allow_ops={ops}).",
        )
    )


def refuse_side_effects_in(
    graph_def: Any,
    allowed: Collection[str],
    way_out: str = _OTHER_ENDS,
    never_run: Collection[str] = (),
) -> None:
    """Raises as `refuse_side_effects` for a GraphDef, functions that it calls included.

    Args:
      graph_def: GraphDef proto.
      allowed, way_out: as of `refuse_side_effects`.
      never_run: names of nodes in it that no run reaches.
    """
    library = {function.signature.name: function for function in graph_def.library.function}
    nodes = GraphView.from_graph_def(graph_def).nodes.values()
    pending = collections.deque(node for node in nodes if node.name not in never_run)
    found, seen = [], set()
    while pending:
        node = pending.popleft()
        if node.op not in CALL_OPS and node.op not in library:
            found.append(node)
        for name in [node.op, *_named_functions(node)]:
            if name in library and name not in seen:
                seen.add(name)
                pending += [
                    Node(f"{name}/{proto.name}", proto.op, (), (), proto.attr)
                    for proto in library[name].node_def
                ]
    refuse_side_effects(found, allowed, way_out)


def _named_functions(node: Node) -> list[str]:
    values = [value for value in node.attrs.values() if hasattr(value, "func")]
    named = [value.func.name for value in values if value.func.name]
    return named + [each.name for value in values for each in value.list.func]


def _reason(op: str) -> str:
    for pattern, reason in _REASONS:
        if re.match(pattern, op):
            return reason
    return "slimfix does not know what it does"
