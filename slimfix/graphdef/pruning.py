"""Cuts a GraphDef down to what some nodes need, fit to be imported on another TensorFlow."""

from __future__ import annotations

from typing import Any, Collection, Iterable, Sequence

from slimfix.graphdef.view import GraphView, Node

# Attributes that list the dtypes of all outputs: of iterators, of queues, of staging areas.
_TYPES = ("output_types", "component_types", "dtypes")
_SAME_TYPE = ("Identity", "RefIdentity", "Snapshot", "StopGradient")


def prune(graph_def: Any, view: GraphView, starts: Iterable[str], fed: Collection[str] = ()) -> Any:
    """Returns a GraphDef with the nodes that `starts` need, control inputs included.

    Devices, colocations and recorded shapes are left out: they speak of machines, of nodes that
    are cut off, and of what an older TensorFlow inferred. TensorFlow 2 refuses shapes that 1.15
    recorded for the gradient of a fused batch norm. What prints only hands on what it is given.

    Args:
      graph_def: GraphDef proto; not changed.
      view: of it.
      starts: node names.
      fed: names of nodes whose outputs will be fed; batches come from placeholders in their place,
        and the input pipeline above them is left out.
    """
    sources = {name: _source_types(view.nodes[name]) for name in fed if name in view}
    sources = {name: types for name, types in sources.items() if types}
    needed = view.ancestors(starts, stop=lambda node: node.name in sources)
    pruned = type(graph_def)(versions=graph_def.versions, library=graph_def.library)
    for proto in graph_def.node:
        if proto.name in needed and proto.name in sources:
            _add_source(pruned, proto.name, sources[proto.name])
        elif proto.name in needed:
            node = pruned.node.add()
            node.CopyFrom(proto)
            node.device = ""
            for key in ("_class", "_output_shapes"):
                if key in node.attr:
                    del node.attr[key]
            if node.op == "Print":
                _silence(node)
    return pruned


def _silence(node: Any) -> None:
    handed_on = [tensor for tensor in node.input if not tensor.startswith("^")][:1]
    waits = [name for name in node.input if name.startswith("^")]
    kind = node.attr["T"].type
    node.op = "Identity"
    node.ClearField("attr")
    node.attr["T"].type = kind
    del node.input[:]
    node.input.extend([*handed_on, *waits])


def _source_types(node: Node) -> Sequence[int]:
    """Returns the DataType numbers of the outputs of what hands out batches; else ()."""
    for key in _TYPES:
        if node.attr(key):
            return list(node.attr(key))
    return [node.attr("T")] if node.op in _SAME_TYPE else ()


def _add_source(graph_def: Any, name: str, types: Sequence[int]) -> None:
    """Adds a node whose outputs have the same names and types, and come from nothing."""
    source = graph_def.node.add(name=name, op="IdentityN")
    for index, dtype in enumerate(types):
        placeholder = graph_def.node.add(name=f"{name}/fed_{index}", op="Placeholder")
        placeholder.attr["dtype"].type = dtype
        placeholder.attr["shape"].shape.unknown_rank = True
        source.input.append(placeholder.name)
        source.attr["T"].list.type.append(dtype)
