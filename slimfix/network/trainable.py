"""Reads which variables the network's owner let the optimizer train."""

from __future__ import annotations

from typing import Any

from slimfix.graphdef.meta import read_variables

_TRAINABLE = "trainable_variables"  # tf.GraphKeys.TRAINABLE_VARIABLES


def find_trainable(meta_graph: Any) -> frozenset[str] | None:
    """Returns the names of the variables in TRAINABLE_VARIABLES, None where there is no such list.

    Args:
      meta_graph: MetaGraphDef.
    """
    if _TRAINABLE not in meta_graph.collection_def:
        return None
    variables = read_variables(meta_graph, _TRAINABLE)
    return frozenset(variable.variable_name.partition(":")[0] for variable in variables)
