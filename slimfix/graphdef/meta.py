"""Reads the `.meta` file beside a checkpoint: the graph as it was saved, without importing it."""

from __future__ import annotations

import os
from typing import Any

from slimfix.errors import CheckpointError, explain


def read_meta(path: str) -> Any:
    """Returns the MetaGraphDef proto of a `.meta` file.

    Args:
      path: the file, e.g. 'runs/model.ckpt-100.meta'.
    Raises: CheckpointError: the file is missing, or is no MetaGraphDef with a graph in it.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

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
    with open(path, "rb") as file:
        content = file.read()
    meta_graph = tf.compat.v1.MetaGraphDef()
    try:
        meta_graph.ParseFromString(content)
        is_whole = len(meta_graph.graph_def.node) > 0
    except DecodeError:  # Yet it may have read a graph by then.
        is_whole = False
    if not is_whole:
        raise CheckpointError(
            explain(
                f"'{path}' ({len(content)} bytes) is not a MetaGraphDef with a graph in it",
                cause="the file was cut short in a copy, or is another kind of file.",
                fix="copy it again from where the model was trained.",
            )
        )
    return meta_graph


def read_variables(meta_graph: Any, collection: str) -> list[Any]:
    """Returns the VariableDef protos of a collection of variables; [] where there is none.

    Args:
      meta_graph: MetaGraphDef, which keeps such a collection as serialized protos.
      collection: its name, e.g. 'trainable_variables'.
    """
    from tensorflow.core.framework import variable_pb2

    if collection not in meta_graph.collection_def:
        return []
    contents = meta_graph.collection_def[collection].bytes_list.value
    return [variable_pb2.VariableDef.FromString(content) for content in contents]
