"""Batch norm with each batch's own statistics, in inference too: a graph as it was saved.

Keras's BatchNormalization is no such layer, whatever `training=` is pinned on it: what calls the
model decides. A group norm with one channel a group is, if the whole batch is its one sample. It
does the same in inference and in training, and holds gamma and beta.
"""

from __future__ import annotations

from slimfix.graphdef.view import Node
from slimfix.migration.converters.parameters import Parameters
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord

NOTE = (
    "normalises with each batch's own mean and variance, in inference too, as the graph does that "
    "was saved: what it gives for a sample depends on the others of its batch"
)


def batch_statistics(
    planner: Planner, end: Node, source: str, parameters: Parameters, epsilon: float
) -> LayerRecord | None:
    """Plans (x - mean) / sqrt(variance + epsilon) * gamma + beta, by channel, for mean and biased
    variance over all other axes, those of the batch among them.

    Args:
      planner: holds the function.
      end: the node whose first output is the result.
      source: tensor name of x, [batch, ..., channels].
      parameters: variables [channels].
      epsilon: what is added to the variance.
    Returns: LayerRecord; None where x has another shape.
    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 1.
    """
    shape = planner.shape(source) or ()
    channels = shape[-1] if len(shape) > 1 else None
    if channels is None or not planner.is_batch(source, 0):
        return None
    if not parameters.are_variables(planner) or parameters.shapes(planner) - {(channels,)}:
        return None
    one_sample = planner.step("ops.expand_dims", end, "one_sample", [source], {"axis": 0})
    normalised = planner.step(
        "layers.GroupNormalization",
        end,
        "normalised",
        [one_sample],
        {"groups": channels, "axis": -1, "epsilon": epsilon, **parameters.config(planner)},
        parameters.weights(planner),
        parameters.scope(planner, end),
        notes=[NOTE],
    )
    return planner.layer("ops.squeeze", end.name, [normalised], end, {"axis": 0})
