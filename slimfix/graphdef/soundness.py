"""Holds what a file has for a graph to what a graph is, once, where the file is read.

A changed bit leaves a valid protobuf: an input that is not there, an attribute of another kind, a
circle. Whatever reads the graph afterwards need not look for that, and an error of ours there is
not taken for a damaged file.
"""

from __future__ import annotations

import re
from typing import Any, Iterator

from slimfix.errors import CheckpointError, count, explain
from slimfix.graphdef.function_faults import find_function_faults
from slimfix.graphdef.node_faults import IN_GRAPH, find_node_faults
from slimfix.graphdef.protos import VariableDef, parse

# Collections of VariableDefs that slimfix reads.
_VARIABLES = ("variables", "model_variables", "trainable_variables")
_TENSOR = re.compile(r"[^:]*(:\d{1,9})?")
_MOST_LINES = 20  # A damaged file may be wrong in each of its nodes.


def check_graph(graph_def: Any, path: str) -> None:
    """Raises CheckpointError, with each node that is wrong, for a GraphDef that is no graph."""
    _refuse([*_find_graph_faults(graph_def)], path)


def check_meta_graph(meta_graph: Any, path: str) -> None:
    """Raises CheckpointError for a MetaGraphDef whose graph, collections or signatures are wrong.

    Args:
      meta_graph: of ours.
      path: it was read from.
    """
    faults = [*_find_graph_faults(meta_graph.graph_def)]
    _refuse(faults or [*_find_collection_faults(meta_graph)], path)


def _find_graph_faults(graph_def: Any) -> Iterator[str]:
    yield from find_node_faults(graph_def.node, IN_GRAPH)
    yield from find_function_faults(graph_def)


def _find_collection_faults(meta_graph: Any) -> Iterator[str]:
    nodes = {node.name for node in meta_graph.graph_def.node}
    seen: set[bytes] = set()  # Most are in several collections.
    for key in _VARIABLES:
        if key in meta_graph.collection_def:
            for content in meta_graph.collection_def[key].bytes_list.value:
                fault = content not in seen and _find_variable_fault(content, nodes)
                seen.add(content)
                if fault:
                    yield f"collection '{key}': {fault}"
    for key, signature in meta_graph.signature_def.items():
        for name, info in (*signature.inputs.items(), *signature.outputs.items()):
            if not _TENSOR.fullmatch(info.name):
                yield f"signature {key!a}: {name!a} is {info.name!a}, the name of no tensor"


def _find_variable_fault(content: bytes, nodes: set[str]) -> str | None:
    variable = parse(VariableDef, content)
    if variable is None:
        return "it holds what is no variable"
    name, piece = variable.variable_name, variable.save_slice_info_def
    if name.rpartition(":")[0] not in nodes:
        return f"variable {name!a} is not in the graph"
    if not variable.HasField("save_slice_info_def"):
        return None
    sizes = (piece.full_shape, piece.var_offset, piece.var_shape)
    if len({len(each) for each in sizes}) > 1 or min((0, *(n for each in sizes for n in each))) < 0:
        return f"variable {name!a}: its part does not lie in {list(piece.full_shape)}"
    return None


def _refuse(faults: list[str], path: str) -> None:
    if not faults:
        return
    items = faults[:_MOST_LINES]
    if len(faults) > _MOST_LINES:
        items.append(f"and {len(faults) - _MOST_LINES} more")
    raise CheckpointError(
        explain(
            f"The graph in '{path}' is damaged: {count(len(faults), 'fault')}",
            items,
            cause="the file was changed in a copy, or by a program that does not know TensorFlow.",
            fix="copy it again from where the model was trained, and compare checksums.",
        )
    )
