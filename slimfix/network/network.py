"""A TensorFlow 1 network as it was found: one record, whatever it was read from."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from slimfix.checkpoint import Checkpoint
from slimfix.graphdef.functions import inline_functions
from slimfix.graphdef.view import GraphView


@dataclasses.dataclass(frozen=True)
class Network:
    """A graph and the values of its variables.

    Attributes:
      view: the whole graph, functions opened.
      meta_graph: MetaGraphDef, for its collections.
      checkpoint: the values, opened.
      source: where the graph is from: a path, or 'package.module:function'.
      inputs, outputs: tensor names by the names that the source has for them: of a SavedModel's
        signature, or the end points that a function returned; empty where it has none.
      default_inputs, default_outputs: tensor names to take where the user names none; () to find
        them in the graph.
      notes: 'source: note' lines on what this source cannot tell.
      batch_norm: which statistics a batch norm that is in training mode for good uses in inference:
        'moving' or 'batch'; None where the user did not say.
    """

    view: GraphView
    meta_graph: Any
    checkpoint: Checkpoint
    source: str
    inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    outputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    default_inputs: tuple[str, ...] = ()
    default_outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    batch_norm: str | None = None


def open_network(meta_graph: Any, checkpoint: Checkpoint, source: str) -> Network:
    """Returns the network of a MetaGraphDef that has no names for its inputs and outputs."""
    return Network(inline_functions(meta_graph.graph_def), meta_graph, checkpoint, source)
