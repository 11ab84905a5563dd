"""Checks that the moving statistics in a checkpoint were trained."""

from __future__ import annotations

from typing import Iterable, Sequence

from slimfix.errors import CheckpointMismatchError, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.updates import OPTIMIZER_UPDATES
from slimfix.graphdef.view import GraphView
from slimfix.network.batch_norm_choice import BATCH, is_initial, option
from slimfix.network.weights import Weights


def check_statistics(
    view: GraphView, layers: Iterable[BatchNormLayer], weights: Weights
) -> tuple[str, ...]:
    """Raises if the graph shows that a train op never moved the statistics of a layer.

    Statistics at their initial 0 and 1 are a fault only where the layer normalised with batch
    statistics in training. Where the graph holds no train op, nobody can tell: that is a note.

    Args:
      view: the graph.
      layers: the batch-norm layers that the function uses.
      weights: holds all their statistics.
    Returns: notes on layers whose statistics are at their initial values for no known reason.
    Raises: CheckpointMismatchError: names every layer that training left behind.
    """
    layers = [layer for layer in layers if layer.mode != "inference"]
    initial = [layer for layer in layers if is_initial(layer, weights)]
    optimizers = [
        node.name for node in view.nodes.values() if node.op.startswith(OPTIMIZER_UPDATES)
    ]
    # What runs with an optimizer step: all that anything needs which waits for such a step.
    run_with_steps = view.ancestors(view.descendants(optimizers))
    stale = [
        layer
        for layer in initial
        if optimizers and not run_with_steps.intersection(layer.update_ops)
    ]
    if stale:
        raise CheckpointMismatchError(
            explain(
                f"The moving statistics of {len(stale)} of {len(layers)} batch-norm layers in "
                f"checkpoint prefix '{weights.checkpoint.prefix}' were never updated",
                [
                    f"'{layer.scope}': moving_mean is all 0, moving_variance all 1; update ops "
                    f"{', '.join(layer.update_ops)}"
                    for layer in stale
                ],
                cause="the train op does not depend on UPDATE_OPS: no optimizer step of the graph "
                "reaches these update ops, though the layers normalise with batch statistics in "
                "training.",
                fix="train again with slimfix.create_train_op(); with these statistics the network "
                "is garbage in inference, in TensorFlow 1 as well as in Keras." + _other_way(stale),
            )
        )
    return tuple(
        f"{layer.scope}: moving_mean is all 0 and moving_variance all 1, as in a network that was "
        "never trained"
        for layer in initial
    )


def _other_way(stale: Sequence[BatchNormLayer]) -> str:
    """pix2pix and its kin never update what they never read."""
    if any(layer.mode != "training" for layer in stale):
        return ""
    return (
        " Or, if it is to use each batch's statistics in inference too, take the graph as it was "
        f"saved, with {option(BATCH)}."
    )
