"""Hands a graph of ours to TensorFlow, which is to import it."""

from __future__ import annotations

import itertools
from typing import Any, Iterator

from slimfix.errors import CheckpointError, explain

# Attributes that hold a serialized message; every other string is a text.
_SERIALIZED = (
    *("config", "config_proto", "descriptor_source", "embedding_config", "metadata"),
    *("serialized_options", "topology", "tpu_compile_options_proto", "tpu_embedding_config"),
)
_MOST_LINES = 20


def to_tensorflow(graph_def: Any) -> Any:
    """Returns a GraphDef of ours as TensorFlow's.

    Raises: CheckpointError: a text in it is no UTF-8. When TensorFlow tells of such a text in a
      message, 1.15 ends the process, and TensorFlow 2 a UnicodeDecodeError.
    """
    import tensorflow.compat.v1 as tf

    nodes = [*graph_def.node, *(n for each in graph_def.library.function for n in each.node_def)]
    found = (
        f"{node.name!a} ({node.op}): its attribute {key} is no text: {text!r}"
        for node in nodes
        for key, text in _texts(node)
        if not _is_utf8(text)
    )
    faults = [*itertools.islice(found, _MOST_LINES)]
    if faults:
        raise CheckpointError(
            explain(
                "The graph is damaged",
                faults,
                cause="its file was changed.",
                fix="copy it again from where the model was trained.",
            )
        )
    return tf.GraphDef.FromString(graph_def.SerializeToString())


def _texts(node: Any) -> Iterator[tuple[str, bytes]]:
    for key, value in node.attr.items():
        if key == "_class" or (not key.startswith(("_", "serialized_")) and key not in _SERIALIZED):
            yield from ((key, text) for text in (value.s, *value.list.s))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
