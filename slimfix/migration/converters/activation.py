"""Activations and dropout."""

from __future__ import annotations

import re
from typing import Any

from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts
from slimfix.migration.resolve import DROPOUT

_LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Relu": ("layers.ReLU", {}),
    "Relu6": ("layers.ReLU", {"max_value": 6.0}),
    "Elu": ("layers.ELU", {}),
    "Selu": ("layers.Activation", {"activation": "selu"}),
    "Sigmoid": ("layers.Activation", {"activation": "sigmoid"}),
    "Tanh": ("layers.Activation", {"activation": "tanh"}),
    "Softplus": ("layers.Activation", {"activation": "softplus"}),
    "Softsign": ("layers.Activation", {"activation": "softsign"}),
    "Softmax": ("layers.Softmax", {}),
}
# What dropouts end in: 'drop/cond/Merge', 'drop/dropout/mul_1', 'drop/SelectV2'.
_END = re.compile(r"(/dropout(_\d+)?)?/(cond(_\d+)?/Merge(_\d+)?|[mM]ul(_\d+)?|SelectV2)$")


@converts(*_LAYERS)
def activation(planner: Planner, node: Node) -> LayerRecord:
    target, config = _LAYERS[node.op]
    return planner.layer(target, node.name, node.inputs, node, config)


@converts("LeakyRelu")
def leaky_relu(planner: Planner, node: Node) -> LayerRecord:
    config = {"negative_slope": node.attr("alpha", 0.2)}
    return planner.layer("layers.LeakyReLU", node.name, node.inputs, node, config)


@converts(DROPOUT)
def dropout(planner: Planner, node: Node) -> LayerRecord:
    rate = node.attr("rate")
    scope = _END.sub("", node.name)
    notes = () if rate is not None else ("the graph computes the dropout rate; it is 0 here",)
    config = {"rate": 0.0 if rate is None else rate}
    return planner.layer("layers.Dropout", scope, node.inputs, node, config, notes=notes)
