"""Whose inference it is: which statistics a batch norm that is in training mode for good is to use.

A graph that normalises with batch statistics, whatever its switches, and trains, is a training
graph: inference takes the moving ones. Without a train op nobody can tell it from a network that
uses the batch's statistics in inference too, as pix2pix and its kin do. Then the user has to say.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from slimfix.errors import MigrationError, UndecidedError, count, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.train_ops import has_train_op
from slimfix.graphdef.view import GraphView
from slimfix.network.resolved import Resolved
from slimfix.network.weights import Weights

MOVING, BATCH = "moving", "batch"


def find_in_batch_mode(
    layers: Sequence[BatchNormLayer], resolved: Resolved
) -> list[BatchNormLayer]:
    """Returns the layers of a function that the graph has in training mode for good."""
    return [
        layer
        for layer in layers
        if layer.mode == "training" and layer.normalise_ops[-1] in resolved.nodes
    ]


def check_batch_norm(
    view: GraphView,
    layers: Sequence[BatchNormLayer],
    resolved: Resolved,
    weights: Weights,
    choice: str | None,
) -> None:
    """Raises unless it is known which statistics every batch norm of a function is to use.

    Args:
      view: the whole graph.
      layers: its batch norms.
      resolved: the function.
      weights: the raw values of its variables.
      choice: 'moving', 'batch', or None where the user said nothing.
    Raises:
      UndecidedError: there are both, the graph shows no train op, and nothing was chosen.
      MigrationError: there are the batch's statistics alone, and these were not chosen.
    """
    if choice == BATCH:
        return
    found = find_in_batch_mode(layers, resolved)
    if choice is None and found and not has_train_op(view, layers):
        raise _undecided(found, weights)
    fused = [
        node
        for node in resolved.nodes.values()
        if node.op in FUSED_OPS and node.attr("is_training", True)
    ]
    if fused:
        raise without_moving_statistics([f"'{node.name}' ({node.op})" for node in fused])


def _undecided(layers: Sequence[BatchNormLayer], weights: Weights) -> UndecidedError:
    total = count(len(layers), "batch norm")
    return UndecidedError(
        explain(
            f"{total} of the network normalise{'s' if len(layers) == 1 else ''} with batch "
            "statistics, whatever the switches, and the graph shows no train op, so that nobody "
            "can tell whether inference is to use the moving ones",
            [f"'{layer.scope}': {describe_statistics(layer, weights)}" for layer in layers],
            cause="a network that uses each batch's statistics in inference too (pix2pix and its "
            "kin); or a training graph that was saved without its train op.",
            fix=f"say which it is. {option(MOVING)}: the inference function of a training graph. "
            f"{option(BATCH)}: the graph as it was saved.",
        ),
        [f"--batch_norm={MOVING}", f"--batch_norm={BATCH}"],
    )


def describe_statistics(layer: BatchNormLayer, weights: Weights) -> str:
    """Returns what became of the moving statistics of a layer that normalises without them."""
    moving = (layer.moving_mean, layer.moving_variance)
    if not any(name in weights for name in moving if name):
        return "its moving statistics are not in the checkpoint"
    if not layer.update_ops:
        return "its moving statistics were never updated: the graph has no update ops"
    if is_initial(layer, weights):
        return (
            "its moving statistics were never updated: there are update ops, but the stored values "
            "are all 0 and 1"
        )
    return "its moving statistics were updated but are unused"


def is_initial(layer: BatchNormLayer, weights: Weights) -> bool:
    """Tells whether the moving statistics of a layer are stored as they begin: all 0 and all 1."""
    pairs: list[tuple[str, float]] = []
    for name, value in ((layer.moving_mean, 0.0), (layer.moving_variance, 1.0)):
        if name is not None and name in weights:
            pairs.append((name, value))
    return bool(pairs) and all(np.all(weights.read(name) == value) for name, value in pairs)


def without_moving_statistics(items: Sequence[str]) -> MigrationError:
    """Returns the error for batch norms of which a graph shows the batch's statistics alone."""
    return MigrationError(
        explain(
            f"{len(items)} batch-norm layers normalise with batch statistics, whatever the "
            "switches",
            items,
            cause="the graph shows no moving statistics of theirs, or has them in a branch.",
            fix="build the network once more with is_training=False (or a placeholder), save "
            "its graph with tf.train.export_meta_graph, and name that file with --meta; or take "
            f"the graph as it was saved, with {option(BATCH)}.",
        )
    )


def option(choice: str) -> str:
    """Returns a choice as the user is to write it, in Python and on the command line."""
    return f"batch_norm='{choice}' (--batch_norm={choice})"
