"""Reads the `.meta` file beside a checkpoint: the graph as it was saved, without TensorFlow."""

from __future__ import annotations

import os
from typing import Any

from slimfix.errors import CheckpointError, explain
from slimfix.graphdef import protos
from slimfix.graphdef.files import read_file
from slimfix.graphdef.soundness import check_meta_graph


def read_meta(path: str) -> Any:
    """Returns the MetaGraphDef proto of a `.meta` file.

    Args:
      path: the file, e.g. 'runs/model.ckpt-100.meta'.
    Returns: of the classes in `protos`.
    Raises: CheckpointError: the file is missing or cannot be read, is no MetaGraphDef with a graph
      in it, or its graph is damaged.
    """
    if not os.path.isfile(path):
        raise CheckpointError(
            explain(
                f"No graph file at '{path}'",
                cause="the Saver ran with write_meta_graph=False, or the file was left behind.",
                fix=f"name '{path}.meta'."
                if os.path.isfile(path + ".meta")
                else "name the .meta file of this model.",
            )
        )
    meta_graph = read_file(path, protos.MetaGraphDef)
    if meta_graph is None or not meta_graph.graph_def.node:
        raise CheckpointError(
            explain(
                f"'{path}' is not a MetaGraphDef with a graph in it",
                cause="the file was cut short in a copy, or is another kind of file.",
                fix="copy it again from where the model was trained.",
            )
        )
    check_meta_graph(meta_graph, path)
    return meta_graph


def read_collections(meta_graph: Any) -> dict[str, tuple[str, ...]]:
    """Returns the node names of each collection of a MetaGraphDef that has nodes, not protos."""
    return {
        key: tuple(member.partition(":")[0] for member in collection.node_list.value)
        for key, collection in meta_graph.collection_def.items()
        if collection.node_list.value
    }


def read_variables(meta_graph: Any, collection: str) -> list[Any]:
    """Returns the VariableDef protos of a collection of variables; [] where there is none.

    Args:
      meta_graph: MetaGraphDef, which keeps such a collection as serialized protos.
      collection: its name, e.g. 'trainable_variables'.
    """
    if collection not in meta_graph.collection_def:
        return []
    contents = meta_graph.collection_def[collection].bytes_list.value
    return [protos.VariableDef.FromString(content) for content in contents]
