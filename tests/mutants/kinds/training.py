"""The same function, trained otherwise: penalties, dropout, what is trained at all, gradients."""

from __future__ import annotations

import dataclasses

import numpy as np

from slimfix.migration.records import LayerRecord
from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import (
    BATCH_NORM,
    WITH_KERNEL,
    configured,
    followed,
    layers,
    replaced,
    rewired,
    without,
)
from tests.mutants.kinds.registry import kind

L0, L3, L4 = Level.WEIGHTS, Level.GRADIENTS, Level.TRAJECTORY


def _l2(factor):
    return _regularizer("L2", l2=factor)


def _regularizer(name, **factors):
    return {
        "class_name": name,
        "config": factors,
        "module": "keras.regularizers",
        "registered_name": None,
    }


def _penalised(net):
    """The first layer that is trained with a penalty on its kernel."""
    for record in layers(net, *WITH_KERNEL):
        if record.config.get("kernel_regularizer") and record.config.get("trainable", True):
            return record
    return None


def _scaled(net, factor):
    record = _penalised(net)
    if record is None:
        return None
    planned = record.config["kernel_regularizer"]
    factors = {name: value * factor for name, value in planned["config"].items()}
    changed = {**planned, "config": factors}
    return net.build(configured(net, record, kernel_regularizer=changed))


@kind(L0, L4)
def penalty_doubled(net):
    """slim's factor as it stands, although slim halves the sum of squares and Keras does not."""
    return _scaled(net, 2.0)


@kind(L0, L4)
def penalty_halved(net):
    return _scaled(net, 0.5)


@kind(L0, L4)
def penalty_lost(net):
    record = _penalised(net)
    return record and net.build(configured(net, record, kernel_regularizer=None))


@kind(L0, L4)
def absolute_values_for_squares(net):
    for record in layers(net, *WITH_KERNEL):
        planned = record.config.get("kernel_regularizer")
        if planned and planned["class_name"] == "L2" and record.config.get("trainable", True):
            other = _regularizer("L1", l1=planned["config"]["l2"])
            return net.build(configured(net, record, kernel_regularizer=other))
    return None


@kind(L0, L4)
def penalty_on_the_bias(net):
    for record in layers(net, *WITH_KERNEL):
        planned = record.config.get("kernel_regularizer")
        if planned and record.config["use_bias"] and not record.config["bias_regularizer"]:
            moved = {"kernel_regularizer": None, "bias_regularizer": planned}
            return net.build(configured(net, record, **moved))
    return None


@kind(L0, L4)
def penalty_on_a_layer_without(net):
    for record in layers(net, *WITH_KERNEL):
        if not record.config.get("kernel_regularizer"):
            return net.build(configured(net, record, kernel_regularizer=_l2(0.003)))
    return None


@kind(L0, L4)
def gamma_penalised(net):
    for record in layers(net, *BATCH_NORM):
        if record.config["scale"]:
            return net.build(configured(net, record, gamma_regularizer=_l2(0.003)))
    return None


@kind(L0, L4)
def beta_penalised(net):
    for record in layers(net, *BATCH_NORM):
        if record.config["center"]:
            return net.build(configured(net, record, beta_regularizer=_l2(0.003)))
    return None


@kind(L0, L4)
def activity_penalised(net):
    """The layer's outputs in place of its weights."""
    for record in layers(net, *WITH_KERNEL):
        return net.build(configured(net, record, activity_regularizer=_l2(0.003)))


@kind(L0, L4)
def weights_constrained(net):
    """A limit on the kernel's norm that the first step runs into."""
    limit = {
        "class_name": "MaxNorm",
        "config": {"max_value": 0.1, "axis": 0},
        "module": "keras.constraints",
        "registered_name": None,
    }
    for record in layers(net, *WITH_KERNEL):
        if record.config.get("trainable", True):
            return net.build(configured(net, record, kernel_constraint=limit))


@kind(L0)
def rate_is_keep_prob(net):
    """Keras's rate is what is dropped, slim's keep_prob what is kept."""
    for record in layers(net, "Dropout"):
        return net.build(configured(net, record, rate=1 - record.config["rate"]))
    return None


@kind(L0)
def dropout_lost(net):
    for record in layers(net, "Dropout"):
        return net.build(without(net.migration.plan, record))
    return None


@kind(L0)
def dropout_that_the_graph_does_not_have(net):
    for record in layers(net, "ReLU", "LeakyReLU"):
        return net.build(followed(net.migration.plan, record, "layers.Dropout", rate=0.25))


@kind(L0)
def noise_that_the_graph_does_not_have(net):
    for record in layers(net, "ReLU", "LeakyReLU"):
        added = followed(net.migration.plan, record, "layers.GaussianNoise", stddev=0.1)
        return net.build(added)


@kind(L0)
def whole_channels_dropped(net):
    """The noise shape of spatial dropout for one number a value."""
    for record in layers(net, "Dropout"):
        return net.build(configured(net, record, noise_shape=(None, 1)))
    return None


@kind(L0, L3, L4)
def layer_frozen(net):
    for record in layers(net, *WITH_KERNEL):
        if record.config.get("trainable", True):
            return net.build(configured(net, record, trainable=False))


@kind(L0, L3, L4)
def layer_unfrozen(net):
    for record in layers(net, *WITH_KERNEL):
        if not record.config.get("trainable", True):
            return net.build(configured(net, record, trainable=True))
    return None


@kind(L3, L4)
def gradient_stopped(net):
    """A gradient that goes no further than the middle of the network."""
    _, _, middle, *_ = layers(net, *WITH_KERNEL)
    return net.build(followed(net.migration.plan, middle, "ops.stop_gradient"))


@kind(L0, L3, L4)
def gradient_straight_through(net):
    """x + stop_gradient(relu(x) - x): the same values, and the gradient of x."""
    for relu in layers(net, "ReLU", "LeakyReLU"):
        (before,), (after,) = relu.inputs, relu.outputs

        def step(target, label, *inputs, relu=relu):
            made = (f"{relu.outputs[0]}#{label}",)
            return LayerRecord(f"{relu.name}__{label}", relu.scope, target, {}, inputs, made)

        change = step("ops.subtract", "change", after, before)
        fixed = step("ops.stop_gradient", "fixed", *change.outputs)
        total = step("layers.Add", "total", before, *fixed.outputs)
        readers = rewired(net.migration.plan, after, *total.outputs)
        return net.build(replaced(readers, relu, relu, change, fixed, total))


@kind(L0, L4)
def gamma_that_the_graph_does_not_have(net):
    """All 1, and so the same function until it is trained."""
    return _with_more(net, "scale", "gamma", 1.0)


@kind(L0, L4)
def beta_that_the_graph_does_not_have(net):
    return _with_more(net, "center", "beta", 0.0)


def _with_more(net, setting, name, value):
    for record in layers(net, *BATCH_NORM):
        if not record.config[setting]:
            mean = next(weight for weight in record.weights if weight.name == "moving_mean")
            more = dataclasses.replace(mean, name=name, variable="constant")
            changed = dataclasses.replace(
                record,
                config={**record.config, setting: True},
                weights=(*record.weights, more),
            )
            plan = replaced(net.migration.plan, record, changed)
            return net.build(plan, {"constant": np.full(mean.shape, value)})
    return None
