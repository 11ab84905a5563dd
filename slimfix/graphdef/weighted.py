"""Tells whether a batch norm weighs the examples of a batch (`batch_weights` of slim)."""

from __future__ import annotations

from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.variables import PASSIVE_OPS
from slimfix.graphdef.view import GraphView

# What tf.nn.weighted_moments ends in; tf.nn.moments ends in Mean, the fused op makes its own.
_DIVISIONS = ("Div", "DivNoNan", "Mul", "RealDiv")


def weighs_examples(view: GraphView, layer: BatchNormLayer) -> bool:
    """Tells whether the batch's statistics of a layer are weighted ones."""
    if layer.kind == "fused" or layer.batch_mean is None:
        return False
    node = view.producer(layer.batch_mean)
    while node.op in PASSIVE_OPS or node.op in ("StopGradient", "Merge"):
        node = view.producer(node.inputs[0])
    return node.op in _DIVISIONS
