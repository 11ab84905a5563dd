"""What a layer normalises, as it is measured: the tensor, its channels, its weights."""

from __future__ import annotations

import dataclasses
from typing import Sequence

from slimfix.errors import RecalibrationError, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.control_flow import enclosing_branch
from slimfix.graphdef.view import GraphView
from slimfix.graphdef.weighted import find_weights


@dataclasses.dataclass(frozen=True)
class Source:
    """One input of a batch norm.

    Attributes:
      tensor: tensor name.
      axis: of the channels: 1 or -1.
      weights: name of the tensor, of a shape that broadcasts to the input's, by which the layer
        weighs the elements (slim's batch_weights); None where each counts once.
    """

    tensor: str
    axis: int
    weights: str | None


def read_sources(view: GraphView, layers: Sequence[BatchNormLayer]) -> dict[BatchNormLayer, Source]:
    """Returns what to measure for each layer.

    Raises: RecalibrationError: an input is made inside a branch, where it cannot be fetched, or
      the batch's mean is computed from it in a way that slimfix does not know.
    """
    sources = {}
    items = []
    for layer in layers:
        if enclosing_branch(view, layer.input):
            items.append(
                f"'{layer.scope}': '{layer.input}' is made inside a tf.cond or tf.while_loop body"
            )
            continue
        try:
            sources[layer] = Source(layer.input, layer.axis, find_weights(view, layer))
        except LookupError:
            items.append(f"'{layer.scope}': '{layer.batch_mean}' is no mean of its input")
    if items:
        raise RecalibrationError(
            explain(
                f"Cannot measure the input of {len(items)} of {len(layers)} batch norms",
                items,
                cause="the layer was built inside a branch, or its batch statistics are not plain "
                "or weighted moments.",
                fix="build the layer outside and hand it is_training as a tensor, or leave it out "
                "with scopes.",
            )
        )
    return sources
