"""Tells by what a batch norm weighs the examples of a batch (`batch_weights` of slim)."""

from __future__ import annotations

from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.variables import PASSIVE_OPS
from slimfix.graphdef.view import GraphView, Node

# What tf.nn.weighted_moments ends in; tf.nn.moments ends in Mean, the fused op makes its own.
_DIVISIONS = ("Div", "DivNoNan", "Mul", "RealDiv")


def weighs_examples(view: GraphView, layer: BatchNormLayer) -> bool:
    """Tells whether the batch's statistics of a layer are weighted ones."""
    return _find_division(view, layer) is not None


def find_weights(view: GraphView, layer: BatchNormLayer) -> str | None:
    """Returns the tensor that weighs a layer's input, of a shape that broadcasts to the input's.

    Returns: tensor name; None where each element counts once.
    Raises: LookupError: the batch's mean is neither the mean of the input nor
      sum(weights * input) / sum(weights), as tf.nn.weighted_moments has it.
    """
    division = _find_division(view, layer)
    if division is None:
        return None
    sums = [node for node in map(view.producer, division.inputs) if node.op == "Sum"]
    if sums and _is_input(view, sums[0].inputs[0], layer):
        return None  # A mean that is written as a sum over a count.
    product = view.producer(sums[0].inputs[0]) if sums else division
    weights = [tensor for tensor in product.inputs if not _is_input(view, tensor, layer)]
    if not sums or product.op != "Mul" or len(weights) != 1:
        raise LookupError(layer.batch_mean)
    return weights[0]


def _find_division(view: GraphView, layer: BatchNormLayer) -> Node | None:
    if layer.kind == "fused" or layer.batch_mean is None:
        return None
    node = _past_passive(view, layer.batch_mean)
    return node if node.op in _DIVISIONS else None


def _is_input(view: GraphView, tensor: str, layer: BatchNormLayer) -> bool:
    return _past_passive(view, tensor) is _past_passive(view, layer.input)


def _past_passive(view: GraphView, tensor: str) -> Node:
    node = view.producer(tensor)
    while node.op in PASSIVE_OPS or node.op in ("StopGradient", "Merge"):
        node = view.producer(node.inputs[0])
    return node
