"""Damage to the structure of a graph, which stays valid: long chains, shared nodes, crowds."""

from __future__ import annotations

from random import Random
from typing import Any

_FLOAT, _BOOL = 1, 10
_TWICE = ("LogicalAnd", "Sub", "Maximum", "AddV2", "Merge", "PartitionedCall")
_DEEP = ("Identity", "AddN", "Add", "Relu")
_LENGTHS = (30, 70, 400, 2000)


def damage_structure(random: Random, graph: Any, longest: int = 2000) -> str:
    """Changes the structure of a GraphDef; returns how.

    A chain whose nodes read one tensor twice has 2**n paths; one of n nodes is n deep.

    Args:
      random: draws what.
      graph: GraphDef, which is changed.
      longest: nodes that a chain has at most.
    """
    way = random.choice(["twice", "twice", "deep", "crowd"])
    if way == "crowd":
        return _copy(random, graph)
    op = random.choice(_TWICE if way == "twice" else _DEEP)
    lengths = [each for each in _LENGTHS if each <= longest and (way == "twice" or each > 70)]
    return _chain(random, graph, op, random.choice(lengths))


def _copy(random: Random, graph: Any) -> str:
    node = random.choice(list(graph.node))
    for number in range(1000):
        twin = graph.node.add()
        twin.CopyFrom(node)
        twin.name = f"{node.name}_copy_{number}"
    return f"'{node.name}' a thousand times more"


def _chain(random: Random, graph: Any, op: str, length: int) -> str:
    """Puts a chain into an edge of its type; where there is none, a node waits for it."""
    kind = _BOOL if op == "LogicalAnd" else _FLOAT
    types = {node.name: _type_of(node) for node in graph.node}
    edges = [
        (node, index)
        for node in graph.node
        for index, tensor in enumerate(node.input)
        if types.get(tensor) == kind
    ]
    reader, index = random.choice(edges) if edges else (random.choice(list(graph.node)), None)
    start = _add_start(graph, kind) if index is None else reader.input[index]
    nodes = [n for n in graph.node if n.name == start and "_output_shapes" in n.attr]
    shapes = [n.attr["_output_shapes"].list.shape[0] for n in nodes]
    for number in range(length):
        node = graph.node.add(name=f"chain_{number}", op=op)
        node.input.extend([start] if op in ("Identity", "Relu") else [start, start])
        _describe(graph, node, kind, number)
        for shape in () if op == "Merge" else shapes:  # It has two outputs.
            node.attr["_output_shapes"].list.shape.add().CopyFrom(shape)
        start = node.name
    if index is None:
        reader.input.append(f"^{start}")
    else:
        reader.input[index] = start
    return f"{length} {op} before '{reader.name}'"


def _type_of(node: Any) -> int:
    if node.op.startswith("Logical"):
        return _BOOL
    named = {"Placeholder": "dtype", "PlaceholderWithDefault": "dtype", "Const": "dtype"}
    key = named.get(node.op, "T")
    return int(node.attr[key].type) if key in node.attr else 0


def _add_start(graph: Any, kind: int) -> str:
    node = graph.node.add(name="chain", op="Placeholder")
    node.attr["dtype"].type = kind
    return str(node.name)


def _describe(graph: Any, node: Any, kind: int, number: int) -> None:
    """Gives a node the attributes of its op; one that calls gets a function that calls the last."""
    if node.op == "PartitionedCall":
        node.attr["Tin"].list.type.extend([kind, kind])
        node.attr["Tout"].list.type.append(kind)
        node.attr["f"].func.name = _add_function(graph, kind, number)
    elif node.op != "LogicalAnd":
        node.attr["T"].type = kind
    if node.op in ("Merge", "AddN"):
        node.attr["N"].i = 2


def _add_function(graph: Any, kind: int, number: int) -> str:
    """Adds a function that calls the one before it twice."""
    function = graph.library.function.add()
    signature = function.signature
    signature.name = f"function_{number}"
    for name in ("x", "y"):
        signature.input_arg.add(name=name, type=kind)
    signature.output_arg.add(name="z", type=kind)
    op = "PartitionedCall" if number else "Sub"
    first = function.node_def.add(name="first", op=op, input=["x", "y"])
    ends = {"PartitionedCall": "output:0", "Sub": "z:0"}[op]
    again = function.node_def.add(name="again", op=op, input=[f"first:{ends}"] * 2)
    for node in (first, again):
        if number:
            node.attr["Tin"].list.type.extend([kind, kind])
            node.attr["Tout"].list.type.append(kind)
            node.attr["f"].func.name = f"function_{number - 1}"
        else:
            node.attr["T"].type = kind
    function.ret["z"] = f"again:{ends}"
    return str(signature.name)
