"""What is wrong with the nodes of a graph, or of a function, as a file has them.

Everything behind this check may take for granted that names are unique, that inputs are there,
that an op of `op_table` has its inputs and attributes, and that data flows in no circle but through
a NextIteration.
"""

from __future__ import annotations

import re
from typing import Any, Collection, Iterator, Mapping, Pattern, Sequence

from slimfix.dtypes import is_known
from slimfix.graphdef.circles import sources_first
from slimfix.graphdef.op_table import COUNTS, RULES, OpRule
from slimfix.graphdef.tensors import find_fault

# Of TensorFlow: tensorflow/core/framework/node_def_util.cc; inside functions '_' may come first.
_NODE_NAME = re.compile(r"[A-Za-z0-9_.>][A-Za-z0-9_.\-/>]*")
IN_GRAPH = re.compile(r"[^:]+(:(0|[1-9]\d{0,8}))?")  # 'conv1/Relu', 'split:1'
IN_FUNCTION = re.compile(r"[^:]+:\w+:(0|[1-9]\d{0,8})")  # 'split:output:1'
_MOST_TENSORS = 1_000_000  # Read or given by one node.
_LISTS = {"types": "type", "shapes": "shape", "ints": "i"}


def find_node_faults(
    protos: Sequence[Any], tensors: Pattern[str], arguments: Sequence[str] = ()
) -> Iterator[str]:
    """Yields a line for each thing that is wrong.

    Args:
      protos: NodeDefs.
      tensors: how an input names what a node gives: `IN_GRAPH` or `IN_FUNCTION`.
      arguments: names of what a function is given, which are inputs as they are.
    """
    ops = dict.fromkeys(arguments, "")
    ahead: list[tuple[str, str]] = []  # Nodes that stand before what they read: mostly none.
    for proto in protos:
        name, op = proto.name, proto.op
        if not _NODE_NAME.fullmatch(name):
            yield f"{name!a} is no name of a node"
        if name in ops:
            yield f"{name!a}: several nodes have this name"
        inputs = 0
        for each in proto.input:
            waits = each.startswith("^")
            inputs += not waits
            if each in ops and (tensors is IN_GRAPH or not ops[each]):
                continue  # Output 0 by its short name, or an argument: most inputs are.
            if not waits and not tensors.fullmatch(each):
                yield f"{name!a}: its input {each!a} names no tensor"
                continue
            source = _source(each)
            if source not in ops:
                ahead.append((name, source))
        ops[name] = op
        rule = RULES.get(op)
        if rule is not None:
            yield from _find_rule_faults(proto, rule, inputs, tensors is IN_FUNCTION)
        counted = proto.attr.get(COUNTS[op]) if op in COUNTS else None
        if counted is not None and counted.i > _MOST_TENSORS:
            yield f"{name!a} ({op}): its attribute {COUNTS[op]} is {counted.i}"
        if not op:  # A function may be called as it likes: '<lambda>_t0wOLIYebvc'.
            yield f"{name!a}: it has no op"
    unknown = [pair for pair in ahead if pair[1] not in ops]
    if unknown:
        yield from (f"{name!a}: its input {source!a} is not there" for name, source in unknown)
    elif not all(_loops_back(ops[name], ops[source]) for name, source in ahead):
        yield from _find_circle(protos, ops)


def _source(text: str) -> str:
    """Returns the name of the node that an input comes from, or waits for."""
    return text[1:] if text.startswith("^") else text.partition(":")[0]


def _find_rule_faults(proto: Any, rule: OpRule, inputs: int, in_function: bool) -> Iterator[str]:
    name, op, attrs = proto.name, proto.op, proto.attr
    if not rule.takes(inputs):
        wanted = f"{rule.inputs} or more" if rule.or_more else str(rule.inputs)
        yield f"{name!a} ({op}): it has {inputs} inputs; want {wanted}"
    for kinds in (rule.required, rule.optional):
        for key, kind in kinds.items():
            value = attrs.get(key)
            if value is None:
                if kinds is rule.required:
                    yield f"{name!a} ({op}): its attribute {key} is missing"
            elif value.WhichOneof("value") != kind and not _may_be(value, kind, in_function):
                yield f"{name!a} ({op}): its attribute {key} is of another kind than {kind}"
    if "dtype" in rule.required and not is_known(attrs["dtype"].type) and not in_function:
        yield f"{name!a} ({op}): {attrs['dtype'].type} is the number of no dtype"
    if op == "Const" and "value" in attrs:
        tensor = attrs["value"].tensor
        fault = find_fault(tensor)
        if fault:
            yield f"{name!a} (Const): {fault}"
        elif attrs["dtype"].type != tensor.dtype:
            yield f"{name!a} (Const): its value is of another dtype than it"


def _may_be(value: Any, kind: str, in_function: bool) -> bool:
    """Tells whether a value is of a kind that is held in a list, or that is not known yet."""
    found = value.WhichOneof("value")
    if kind in _LISTS:
        held = [field.name for field, _ in value.list.ListFields()]
        return found == "list" and set(held) <= {_LISTS[kind]}
    # Until a function is called, it may have but a name for a type.
    return bool(in_function and kind == "type" and found == "placeholder")


def _loops_back(reader: str, source: str) -> bool:
    """Tells whether an edge closes a loop, by both ops: the one kind of circle that may be."""
    return reader in ("Merge", "RefMerge") and source in ("NextIteration", "RefNextIteration")


def _find_circle(protos: Sequence[Any], ops: Mapping[str, str]) -> Iterator[str]:
    """Yields a line on one circle, if there is any."""
    waits = {
        proto.name: {
            source
            for source in map(_source, proto.input)
            if ops.get(source) and not _loops_back(proto.op, ops[source])
        }
        for proto in protos
    }
    left = waits.keys() - sources_first(waits)
    if left:
        yield f"{_walk_circle(left, waits)}: each waits for the next, and the last for the first"


def _walk_circle(left: Collection[str], waits: Mapping[str, set[str]]) -> str:
    path = [min(left)]
    while path[-1] not in path[:-1]:
        path.append(min(source for source in waits[path[-1]] if source in left))
    circle = path[path.index(path[-1]) : -1]
    return " -> ".join(ascii(name) for name in circle)
