"""Finds the batch-norm layers of a live graph."""

from __future__ import annotations

from typing import Any

from slimfix.graphdef import batch_norm
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.view import GraphView


def find_batch_norm_layers(graph: Any | None = None) -> list[BatchNormLayer]:
    """Returns the batch-norm layers of a graph, in the order in which they were built.

    Args:
      graph: tf.Graph; the default graph if None.
    """
    return batch_norm.find_batch_norm_layers(view_graph(graph))


def view_graph(graph: Any | None = None) -> GraphView:
    """Returns the view of a graph as it is now; the default graph's if None."""
    import tensorflow.compat.v1 as tf

    return GraphView.from_graph_def((graph or tf.get_default_graph()).as_graph_def())
