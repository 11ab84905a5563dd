"""Cuts a GraphDef down to what some nodes need, fit to be imported on another TensorFlow."""

from __future__ import annotations

from typing import Any, Iterable

from slimfix.graphdef.view import GraphView


def prune(graph_def: Any, view: GraphView, starts: Iterable[str]) -> Any:
    """Returns a GraphDef with the nodes that `starts` need, control inputs included.

    Devices, colocations and recorded shapes are left out: they speak of machines, of nodes that
    are cut off, and of what an older TensorFlow inferred. TensorFlow 2 refuses shapes that 1.15
    recorded for the gradient of a fused batch norm.

    Args:
      graph_def: GraphDef proto; not changed.
      view: of it.
      starts: node names.
    """
    needed = view.ancestors(starts)
    pruned = type(graph_def)(versions=graph_def.versions, library=graph_def.library)
    for proto in graph_def.node:
        if proto.name in needed:
            node = pruned.node.add()
            node.CopyFrom(proto)
            node.device = ""
            for key in ("_class", "_output_shapes"):
                if key in node.attr:
                    del node.attr[key]
    return pruned
