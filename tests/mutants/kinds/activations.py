"""Activations that are lost, or others."""

from __future__ import annotations

import dataclasses

from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import (
    configured,
    layers,
    replaced,
    without,
)
from tests.mutants.kinds.registry import kind

L0, L1 = Level.WEIGHTS, Level.INFERENCE


@kind(L0, L1)
def activation_lost(net):
    for record in layers(net, "ReLU", "LeakyReLU"):
        return net.build(without(net.migration.plan, record))
    return None


@kind(L0, L1)
def clipped_that_should_not_be(net):
    for record in layers(net, "ReLU"):
        if record.config.get("max_value") is None:
            # The smallest limit that shows on any data: none of these layers stays below.
            return net.build(configured(net, record, max_value=0.5))
    return None


@kind(L0, L1)
def not_clipped_at_six(net):
    for record in layers(net, "ReLU"):
        if record.config.get("max_value") is not None:
            return net.build(configured(net, record, max_value=None))
    return None


@kind(L0, L1)
def slope_of_keras(net):
    """LeakyReLU's own default, 0.3, for TensorFlow's 0.2."""
    for record in layers(net, "LeakyReLU"):
        return net.build(configured(net, record, negative_slope=0.3))
    return None


@kind(L0, L1)
def selu_for_elu(net):
    for record in layers(net, "ELU"):
        config = {"activation": "selu"}
        changed = dataclasses.replace(record, target="layers.Activation", config=config)
        return net.build(replaced(net.migration.plan, record, changed))
    return None


@kind(L0, L1)
def hard_sigmoid_for_sigmoid(net):
    for record in layers(net, "Activation"):
        if record.config["activation"] == "sigmoid":
            return net.build(configured(net, record, activation="hard_sigmoid"))
    return None


@kind(L0, L1)
def activation_inside_and_behind(net):
    """The last layer with an activation that the graph applies elsewhere."""
    *_, logits = layers(net, "Dense")
    return net.build(configured(net, logits, activation="tanh"))
