"""All batch-norm statistics of a live graph, found by structure and by name."""

from __future__ import annotations

from typing import Any

from slimfix import names
from slimfix.graphdef.batch_norm import find_batch_norm_layers
from slimfix.graphdef.view import GraphView


def find_statistics(graph: Any, view: GraphView) -> dict[str, str]:
    """Returns the statistics, extras included: name of the variable op to its layer's scope.

    Args:
      graph: tf.Graph; names of its variables tell where the structure does not, e.g. in a
        `tf.cond` of control flow version 2.
      view: of the same graph.
    """
    import tensorflow.compat.v1 as tf

    found = find_layer_statistics(view)
    keys = tf.GraphKeys
    for key in (keys.GLOBAL_VARIABLES, keys.MODEL_VARIABLES, keys.MOVING_AVERAGE_VARIABLES):
        for variable in graph.get_collection(key):
            if names.is_statistic_name(variable.op.name):
                found.setdefault(variable.op.name, names.parent_scope(variable.op.name))
    return found


def find_layer_statistics(view: GraphView) -> dict[str, str]:
    """Returns the statistics that the structure shows: name of the variable op to its scope."""
    return {
        variable: layer.scope
        for layer in find_batch_norm_layers(view)
        for variable in layer.statistics
    }
