"""What is wrong with the functions of a graph, as a file has them: before anything opens them."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from slimfix.graphdef.calls import (
    CONDITIONALS,
    LOOPS,
    functions_below,
    functions_run_by,
    without_recursive,
)
from slimfix.graphdef.circles import sources_first
from slimfix.graphdef.node_faults import IN_FUNCTION, find_node_faults

# Functions that call others twice, and these others again, open to more than any graph holds.
_MOST_NODES = 100_000
_MOST_DEEP = 100  # Functions within functions; a view opens one inside the other.


def find_function_faults(graph_def: Any) -> Iterator[str]:
    """Yields a line for each thing that is wrong with the functions or with what calls them."""
    library: dict[str, Any] = {}
    for function in graph_def.library.function:
        name = function.signature.name
        if not name or name in library:
            yield f"function {name!a}: {'several have this' if name else 'it has no'} name"
        library[name] = function
    if not library:
        return
    sound = True
    for name, function in library.items():
        for fault in _find_body_faults(function):
            sound = False
            yield f"function {name!a}: {fault}"
    if sound:
        places = [("", graph_def.node)]
        places += [(f"function {name!a}: ", each.node_def) for name, each in library.items()]
        wrong = [
            where + fault
            for where, nodes in places
            for node in nodes
            for fault in _find_call_faults(node, library)
        ]
        yield from wrong or _find_endless(graph_def, library)


def _find_body_faults(function: Any) -> Iterator[str]:
    arguments = [each.name for each in function.signature.input_arg]
    nodes = {node.name for node in function.node_def}
    yield from find_node_faults(function.node_def, IN_FUNCTION, arguments)
    if len(set(arguments)) < len(arguments):
        yield "several of its arguments have one name"
    for each in function.signature.output_arg:
        tensor = function.ret.get(each.name, "")
        is_there = IN_FUNCTION.fullmatch(tensor) and tensor.partition(":")[0] in nodes
        if tensor not in arguments and not is_there:
            yield f"what it returns as {each.name!a} is not there"
    for node in function.control_ret.values():
        if node not in nodes:
            yield f"it waits for {node!a}, which is not there"


def _find_call_faults(node: Any, library: Mapping[str, Any]) -> Iterator[str]:
    """Yields where a node gives a function another number of tensors than it takes, or ..."""
    functions = functions_run_by(node.op, node.attr, library)
    given = sum(not each.startswith("^") for each in node.input)
    takes = [len(library[name].signature.input_arg) for name in functions]
    gives = [len(library[name].signature.output_arg) for name in functions]
    wanted: Sequence[int] = ()
    if node.op in CONDITIONALS:
        given -= 1
        wanted = gives[:1] * len(gives)
    elif node.op in LOOPS:
        wanted = (1, given)
    if any(each != given for each in takes):
        yield f"{node.name!a} ({node.op}): it gives a function {given} tensors; want {takes}"
    if functions and wanted and list(wanted) != gives:
        yield f"{node.name!a} ({node.op}): its functions return {gives} tensors; want {[*wanted]}"


def _find_endless(graph_def: Any, library: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line on functions that open to too many nodes, or too deep."""
    opened = without_recursive(library)
    calls = {name: functions_below(each.node_def, opened) for name, each in opened.items()}
    sizes: dict[str, int] = {}
    depths: dict[str, int] = {}
    for name in sources_first(calls):
        sizes[name] = len(opened[name].node_def) + sum(sizes[each] for each in calls[name])
        depths[name] = 1 + max((depths[each] for each in calls[name]), default=0)
    size = sum(sizes[name] for name in functions_below(graph_def.node, opened))
    if size > _MOST_NODES:
        yield f"its functions open to {size} nodes"
    deepest = max(depths.values(), default=0)
    if deepest > _MOST_DEEP:
        yield f"its functions call one another {deepest} deep"
