"""Reads the `saved_model.pb` of a TensorFlow 1 SavedModel, without loading it."""

from __future__ import annotations

import os
from typing import Any

from slimfix.errors import CheckpointError, explain
from slimfix.graphdef import protos
from slimfix.graphdef.files import read_file
from slimfix.graphdef.soundness import check_meta_graph

_SERVE = "serve"  # tf.saved_model.SERVING


def read_saved_model(folder: str) -> Any:
    """Returns the MetaGraphDef of a SavedModel: the one for serving, or its only one.

    Args:
      folder: that holds 'saved_model.pb'.
    Returns: of the classes in `protos`.
    Raises: CheckpointError: there is none, it is damaged, it was written by TensorFlow 2, or it
      holds several graphs and none for serving.
    """
    path = os.path.join(folder, "saved_model.pb")
    if not os.path.isfile(path):
        raise CheckpointError(
            explain(
                f"No SavedModel in folder '{folder}': it has no saved_model.pb",
                cause="the folder above or below it was named, or it is a .pbtxt.",
                fix="name the folder that holds saved_model.pb.",
            )
        )
    saved_model = read_file(path, protos.SavedModel)
    if saved_model is None or not saved_model.meta_graphs:
        raise CheckpointError(f"'{path}' is not a SavedModel with a graph")
    meta_graph = _choose(list(saved_model.meta_graphs), folder)
    if meta_graph.object_graph_def.nodes:
        raise CheckpointError(
            explain(
                f"'{folder}' is a SavedModel of TensorFlow 2",
                cause="it was written by tf.saved_model.save, as objects and functions.",
                fix="load it with keras.layers.TFSMLayer or tf.saved_model.load; it needs no "
                "migration from TensorFlow 1.",
            )
        )
    check_meta_graph(meta_graph, path)
    return meta_graph


def _choose(meta_graphs: list[Any], folder: str) -> Any:
    serving = [each for each in meta_graphs if list(each.meta_info_def.tags) == [_SERVE]]
    found = serving or meta_graphs
    if len(found) != 1:
        raise CheckpointError(
            explain(
                f"SavedModel '{folder}' holds {len(found)} graphs, none of them for serving alone",
                [f"tags {', '.join(each.meta_info_def.tags) or 'none'}" for each in found],
                fix="save it again with the tag 'serve'.",
            )
        )
    return found[0]
