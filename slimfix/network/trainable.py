"""Reads which variables the network's owner let the optimizer train."""

from __future__ import annotations

from typing import Any

from slimfix.graphdef.meta import read_variables

_TRAINABLE = "trainable_variables"  # tf.GraphKeys.TRAINABLE_VARIABLES
_GLOBAL = "variables"  # tf.GraphKeys.GLOBAL_VARIABLES


def find_trainable(meta_graph: Any) -> frozenset[str] | None:
    """Returns the names of the variables in TRAINABLE_VARIABLES, None where nothing is known.

    TensorFlow leaves out a collection that is empty: where only that of all variables is there,
    none is trained.

    Args:
      meta_graph: MetaGraphDef.
    """
    if _TRAINABLE not in meta_graph.collection_def:
        return frozenset() if _GLOBAL in meta_graph.collection_def else None
    variables = read_variables(meta_graph, _TRAINABLE)
    return frozenset(variable.variable_name.partition(":")[0] for variable in variables)
