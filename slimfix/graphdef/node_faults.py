"""What is wrong with the nodes of a graph, or of a function, as a file has them.

Everything behind this check may take for granted that names are unique, that inputs are there,
that an op of `op_table` has its inputs and attributes, and that data flows in no circle but through
a NextIteration.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, NamedTuple, Pattern, Sequence

from slimfix.graphdef.op_table import RULES
from slimfix.graphdef.tensors import find_fault

# Of TensorFlow: tensorflow/core/framework/node_def_util.cc; inside functions '_' may come first.
_NODE_NAME = re.compile(r"[A-Za-z0-9_.>][A-Za-z0-9_.\-/>]*")
IN_GRAPH = re.compile(r"[^:]+(:(0|[1-9]\d{0,8}))?")  # 'conv1/Relu', 'split:1'
IN_FUNCTION = re.compile(r"[^:]+:\w+:(0|[1-9]\d{0,8})")  # 'split:output:1'
_LISTS = {"types": "type", "shapes": "shape", "ints": "i"}


class _Read(NamedTuple):
    """A node, as far as circles are concerned."""

    op: str
    sources: list[str]


def find_node_faults(
    protos: Sequence[Any], tensors: Pattern[str], arguments: Sequence[str] = ()
) -> Iterator[str]:
    """Yields a line for each thing that is wrong.

    Args:
      protos: NodeDefs.
      tensors: how an input names what a node gives: `IN_GRAPH` or `IN_FUNCTION`.
      arguments: names of what a function is given, which are inputs as they are.
    """
    read: dict[str, _Read] = {}
    given = set(arguments)
    ahead: list[tuple[str, str]] = []  # Nodes before what they read: mostly none.
    for proto in protos:
        name = proto.name
        if not _NODE_NAME.fullmatch(name):
            yield f"{name!a} is no name of a node"
        if name in read or name in given:
            yield f"{name!a}: several nodes have this name"
        sources, waits = [], 0
        for each in proto.input:
            if each in read:  # Output 0, by its short name.
                sources.append(each)
            elif each.startswith("^"):
                waits += 1
                sources.append(each[1:])
            elif each in given or tensors.fullmatch(each):
                sources.append(each if each in given else each.partition(":")[0])
            else:
                yield f"{name!a}: its input {each!a} names no tensor"
        ahead += [(name, source) for source in sources if source not in read]
        read[name] = _Read(proto.op, sources)
        yield from _find_op_faults(proto, len(sources) - waits, tensors is IN_FUNCTION)
    ahead = [(name, source) for name, source in ahead if source not in given]
    unknown = [pair for pair in ahead if pair[1] not in read]
    if unknown:
        yield from (f"{name!a}: its input {source!a} is not there" for name, source in unknown)
    elif not all(_loops_back(read[name], read[source]) for name, source in ahead):
        yield from _find_circle(read)


def _find_op_faults(proto: Any, inputs: int, in_function: bool) -> Iterator[str]:
    name, op, attrs = proto.name, proto.op, proto.attr
    rule = RULES.get(op)
    if rule is None:
        if not _NODE_NAME.fullmatch(op):
            yield f"{name!a}: {op!a} is no name of an op"
        return
    if not rule.takes(inputs):
        wanted = f"{rule.inputs} or more" if rule.or_more else str(rule.inputs)
        yield f"{name!a} ({op}): it has {inputs} inputs; want {wanted}"
    present = list(attrs)
    for key in sorted(rule.required.difference(present)):
        yield f"{name!a} ({op}): its attribute {key} is missing"
    for key in present:
        kind = rule.kinds.get(key)
        if kind and not _is_kind(attrs[key], kind, in_function):
            yield f"{name!a} ({op}): its attribute {key} is of another kind than {kind}"
    if op == "Const" and "value" in present:
        tensor = attrs["value"].tensor
        fault = find_fault(tensor)
        if fault:
            yield f"{name!a} (Const): {fault}"
        elif attrs["dtype"].type != tensor.dtype:
            yield f"{name!a} (Const): its value is of another dtype than it"


def _is_kind(value: Any, kind: str, in_function: bool) -> bool:
    found = value.WhichOneof("value")
    if kind in _LISTS:
        held = [field.name for field, _ in value.list.ListFields()]
        return found == "list" and set(held) <= {_LISTS[kind]}
    # Until a function is called, it may have but a name for a type.
    return bool(found == kind or (in_function and kind == "type" and found == "placeholder"))


def _loops_back(reader: _Read, source: _Read) -> bool:
    """Tells whether an edge closes a loop: the one kind of circle that a graph may have."""
    return reader.op in ("Merge", "RefMerge") and source.op in ("NextIteration", "RefNextIteration")


def _find_circle(read: Mapping[str, _Read]) -> Iterator[str]:
    """Yields a line on one circle, if there is any: takes away, again and again, what waits for
    nothing."""
    waits = {name: _sources(read, node) for name, node in read.items()}
    readers: dict[str, list[str]] = {}
    for name, sources in waits.items():
        for source in sources:
            readers.setdefault(source, []).append(name)
    left = {name: len(sources) for name, sources in waits.items()}
    free = [name for name, count in left.items() if not count]
    while free:
        name = free.pop()
        del left[name]
        for reader in readers.get(name, ()):
            left[reader] -= 1
            if not left[reader]:
                free.append(reader)
    if left:
        yield f"{_walk_circle(left, waits)}: each waits for the next, and the last for the first"


def _sources(read: Mapping[str, _Read], node: _Read) -> set[str]:
    """Returns the nodes that have to run before one can."""
    sources = {name for name in node.sources if name in read}
    return {name for name in sources if not _loops_back(node, read[name])}


def _walk_circle(left: Mapping[str, int], waits: Mapping[str, set[str]]) -> str:
    path = [min(left)]
    while path[-1] not in path[:-1]:
        path.append(min(source for source in waits[path[-1]] if source in left))
    circle = path[path.index(path[-1]) : -1]
    return " -> ".join(ascii(name) for name in circle)
