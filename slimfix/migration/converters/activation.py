"""Activations and dropout."""

from __future__ import annotations

import re
from typing import Any

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts
from slimfix.network.resolved import DROPOUT

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
    "LogSoftmax": ("layers.Activation", {"activation": "log_softmax"}),
}
# What dropouts end in: 'drop/cond/Merge', 'drop/dropout/mul_1', 'drop/SelectV2'.
_END = re.compile(r"(/dropout(_\d+)?)?/(cond(_\d+)?/Merge(_\d+)?|[mM]ul(_\d+)?|SelectV2)$")


@converts(*_LAYERS)
def activation(planner: Planner, node: Node) -> LayerRecord:
    target, config = _LAYERS[node.op]
    return planner.layer(target, node.name, node.inputs, node, config)


@converts("Reshape")
def softmax_of_rows(planner: Planner, node: Node) -> LayerRecord | None:
    """slim.softmax makes a matrix of its input, takes the softmax, and goes back."""
    inner = planner.producer(node.inputs[0], "Softmax")
    before = planner.producer(inner.inputs[0], "Reshape") if inner else None
    if inner is None or before is None or not planner.only_consumer_is(node.inputs[0], node):
        return None
    shape, rows = planner.shape(before.inputs[0]), planner.shape(inner.inputs[0])
    after = planner.shape(names.join_tensor_name(node.name, 0))
    if not shape or not rows or not after or None in shape[1:]:
        return None
    if len(rows) != 2 or rows[1] != shape[-1] or after[1:] != shape[1:]:
        return None
    scope = names.parent_scope(node.name) or node.name
    return planner.layer("layers.Softmax", scope, [before.inputs[0]], node, {})


@converts("LeakyRelu")
def leaky_relu(planner: Planner, node: Node) -> LayerRecord:
    config = {"negative_slope": node.attr("alpha", 0.2)}
    # Keras's layer refuses a slope below zero.
    target = "layers.LeakyReLU" if config["negative_slope"] >= 0 else "ops.leaky_relu"
    return planner.layer(target, node.name, node.inputs, node, config)


@converts(DROPOUT)
def dropout(planner: Planner, node: Node) -> LayerRecord:
    rate = node.attr("rate")
    scope = _END.sub("", node.name)
    notes = () if rate is not None else (_rate_note(node.attr("decided_by")),)
    config: dict[str, Any] = {"rate": 0.0 if rate is None else rate}
    if node.attr("noise_shape"):
        config["noise_shape"] = node.attr("noise_shape")
    return planner.layer("layers.Dropout", scope, node.inputs, node, config, notes=notes)


def _rate_note(placeholder: str | None) -> str:
    if placeholder is None:
        return "the graph computes the dropout rate; it is 0 here"
    return (
        f"the graph is fed the dropout rate by placeholder '{placeholder}'; it is 0 here, so that "
        "the layer's rate is to be set before training"
    )
