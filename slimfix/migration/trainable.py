"""Reads which variables the network's owner let the optimizer train."""

from __future__ import annotations

from typing import Any


def find_trainable(meta_graph: Any) -> frozenset[str] | None:
    """Returns the names of the variables in TRAINABLE_VARIABLES, None where there is no such list.

    Args:
      meta_graph: MetaGraphDef; it keeps a collection of variables as serialized VariableDefs.
    """
    from tensorflow.core.framework import variable_pb2

    if "trainable_variables" not in meta_graph.collection_def:
        return None
    found = set()
    for content in meta_graph.collection_def["trainable_variables"].bytes_list.value:
        variable = variable_pb2.VariableDef.FromString(content)
        found.add(variable.variable_name.partition(":")[0])
    return frozenset(found)
