"""Finds the batch-norm layers of a live graph, or of a `.meta` file."""

from __future__ import annotations

import os
from typing import Any

from slimfix.errors import UsageError, explain
from slimfix.graphdef import batch_norm
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.functions import inline_functions
from slimfix.graphdef.meta import read_collections, read_meta
from slimfix.graphdef.view import GraphView
from slimfix.paths import as_path


def find_batch_norm_layers(graph: Any | None = None) -> list[BatchNormLayer]:
    """Returns the batch-norm layers of a graph, in the order in which they were built.

    They are found by structure: fused or written out, whoever built them and whatever their
    scopes are called, inside a `tf.cond` of either version too. Nothing is imported or changed.

    Args:
      graph: tf.Graph, MetaGraphDef proto, or path of a `.meta` file; the default graph if None.
    Returns: list of BatchNormLayer; one for each time where a layer is built several times on the
      same variables.
    Raises:
      CheckpointError: the file is missing, or no MetaGraphDef.
      UsageError: `graph` is none of these.
    """
    return batch_norm.find_batch_norm_layers(view_graph(graph))


def view_graph(graph: Any | None = None) -> GraphView:
    """Returns the view of a graph as it is now, functions inlined.

    Args: as of `find_batch_norm_layers`.
    """
    if isinstance(graph, (str, os.PathLike)):
        graph = read_meta(as_path(graph, "meta file"))
    if graph is not None and hasattr(graph, "collection_def"):  # A MetaGraphDef, whosever.
        return inline_functions(graph.graph_def, read_collections(graph))
    import tensorflow.compat.v1 as tf

    if graph is None:
        _refuse_eager()
        graph = tf.get_default_graph()
    if not isinstance(graph, tf.Graph):
        raise UsageError(
            explain(
                f"Cannot find batch-norm layers in a {type(graph).__name__}",
                fix="hand over a tf.Graph, a MetaGraphDef or the path of a .meta file.",
            )
        )
    return inline_functions(graph.as_graph_def(), _live_collections(graph))


def op_of(item: Any) -> Any:
    """Returns the op that an op, tensor or variable stands for; anything else as it is."""
    return getattr(item, "op", item)  # An Operation has no op.


def _refuse_eager() -> None:
    import tensorflow.compat.v1 as tf

    if tf.executing_eagerly():
        raise UsageError(
            explain(
                "There is no graph: eager execution is on",
                cause="TensorFlow 2 runs layers at once, unless a program says otherwise.",
                fix="call tf.disable_v2_behavior() before the network is built.",
            )
        )


def _live_collections(graph: Any) -> dict[str, tuple[str, ...]]:
    found = {}
    for key in graph.get_all_collection_keys():
        ops = [op_of(member) for member in graph.get_collection(key)]
        members = [op.name for op in ops if getattr(op, "graph", None) is graph]
        if members:
            found[str(key)] = tuple(members)
    return found
