"""Batch norms that infer something else."""

from __future__ import annotations

import dataclasses

import numpy as np

from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import (
    BATCH_NORM,
    configured,
    exchanged,
    first_built,
    first_changed,
    layers,
    replaced,
    shape_of,
    weight_of,
    weights,
    without,
)
from tests.mutants.kinds.registry import kind

L0, L1, L2 = Level.WEIGHTS, Level.INFERENCE, Level.TRAINING
SLIM_EPSILON, RESNET_EPSILON, RAISED_EPSILON = 1e-3, 1e-5, 1.001e-5
_STATISTICS = ("moving_mean", "moving_variance")


@kind(L0, L1)
def epsilon_of_the_other_default(net):
    """1e-3 for 1e-5, or 1e-5 for 1e-3."""
    for record in layers(net, *BATCH_NORM):
        small = record.config["epsilon"] < 1e-4
        other = SLIM_EPSILON if small else RESNET_EPSILON
        return net.build(configured(net, record, epsilon=other))


@kind(L0, L1)
def epsilon_not_raised(net):
    """1e-5 where the fused op of TensorFlow 1.15 computes with 1.001e-5."""
    for record in layers(net, *BATCH_NORM):
        if np.isclose(record.config["epsilon"], RAISED_EPSILON, rtol=1e-5, atol=0):
            return net.build(configured(net, record, epsilon=RESNET_EPSILON))
    return None


@kind(L0, L1)
def epsilon_added_to_the_deviation(net):
    """1 / (sqrt(variance) + epsilon) for 1 / sqrt(variance + epsilon)."""
    for record in layers(net, *BATCH_NORM):
        epsilon = record.config["epsilon"]
        variance = weight_of(record, "moving_variance").variable
        value = net.migration.read(variance).astype(np.float64)
        return net.build(values={variance: (np.sqrt(value) + epsilon) ** 2 - epsilon})


def _without_weight(net, record, name, setting):
    kept = tuple(weight for weight in record.weights if weight.name != name)
    config = {**record.config, setting: False}
    changed = dataclasses.replace(record, weights=kept, config=config)
    return net.build(replaced(net.migration.plan, record, changed))


@kind(L0, L1)
def gamma_lost(net):
    for record, _ in weights(net, "gamma"):
        return _without_weight(net, record, "gamma", "scale")


@kind(L0, L1)
def gamma_left_at_one(net):
    return first_changed(net, weights(net, "gamma"), np.ones_like)


@kind(L0, L1)
def beta_lost(net):
    for record, _ in weights(net, "beta", *BATCH_NORM):
        return _without_weight(net, record, "beta", "center")


def _swapped(net, one, other):
    for record, weight in weights(net, one, *BATCH_NORM):
        partner = weight_of(record, other)
        if partner is not None:
            return net.build(values=exchanged(net, weight, partner))
    return None


@kind(L0, L1)
def beta_and_gamma_swapped(net):
    return _swapped(net, "beta", "gamma")


@kind(L0, L1)
def beta_and_mean_swapped(net):
    return _swapped(net, "beta", "moving_mean")


@kind(L0, L1)
def mean_and_variance_swapped(net):
    """With the mean's absolute values, so that nothing is NaN."""
    for record in layers(net, *BATCH_NORM):
        mean, variance = (weight_of(record, name).variable for name in _STATISTICS)
        read = net.migration.read
        return net.build(values={mean: read(variance), variance: np.abs(read(mean))})


@kind(L0, L1)
def variance_taken_for_the_deviation(net):
    return first_changed(net, weights(net, "moving_variance"), np.square)


@kind(L0, L1)
def deviation_stored_for_the_variance(net):
    return first_changed(net, weights(net, "moving_variance"), np.sqrt)


@kind(L0, L1)
def variance_unbiased_once_more(net):
    """The stored variance times N/(N-1), which the fused op has done already."""
    for record, weight in weights(net, "moving_variance"):
        elements = 2 * np.prod(shape_of(net, record.inputs[0])[1:-1], dtype=int)
        value = net.migration.read(weight.variable)
        return net.build(values={weight.variable: value * elements / (elements - 1)})


@kind(L0, L1)
def stale_statistics(net):
    """0 and 1, as in a checkpoint whose training never ran the update ops."""
    for record in layers(net, *BATCH_NORM):
        mean, variance = (weight_of(record, name).variable for name in _STATISTICS)
        read = net.migration.read
        return net.build(values={mean: 0 * read(mean), variance: read(variance) ** 0})


@kind(L0, L1)
def statistics_of_another_layer(net):
    by_shape = {}
    for record in layers(net, *BATCH_NORM):
        own = [weight_of(record, name) for name in _STATISTICS]
        others = by_shape.setdefault(own[0].shape, own)
        if others is not own:
            values = {
                mine.variable: net.migration.read(its.variable) for mine, its in zip(own, others)
            }
            return net.build(values=values)
    return None


@kind(L0, L1)
def statistics_shifted_by_a_channel(net):
    for record in layers(net, *BATCH_NORM):
        names = [weight_of(record, name).variable for name in _STATISTICS]
        return net.build(values={name: np.roll(net.migration.read(name), 1) for name in names})


@kind(L0, L1)
def mean_not_subtracted(net):
    return first_changed(net, weights(net, "moving_mean"), np.zeros_like)


@kind(L0, L1)
def biased_mean_for_the_mean(net):
    """What zero debiasing keeps, before the bias is taken out."""
    for record, weight in weights(net, "biased"):
        mean = weight_of(record, "moving_mean").variable
        return net.build(values={mean: net.migration.read(weight.variable)})


@kind(L0, L1)
def batch_norm_lost(net):
    for record in layers(net, *BATCH_NORM):
        return net.build(without(net.migration.plan, record))


@kind(L1)
def batch_norm_behind_the_activation(net):
    plan = net.migration.plan
    for norm in layers(net, *BATCH_NORM):
        for relu in layers(net, "ReLU"):
            if relu.inputs == norm.outputs:
                # Each keeps its name, and takes the other's place.
                first = dataclasses.replace(relu, inputs=norm.inputs, outputs=norm.outputs)
                second = dataclasses.replace(norm, inputs=norm.outputs, outputs=relu.outputs)
                return net.build(replaced(replaced(plan, norm, first), relu, second))
    return None


@kind(L0, L1)
def batch_norm_along_the_height(net):
    """The channels' axis as of data whose channels come first."""
    found = layers(net, *BATCH_NORM)
    images = (record for record in found if len(shape_of(net, record.inputs[0])) == 4)
    return first_built(net, (configured(net, record, axis=1) for record in images))


@kind(L0, L1, L2)
def batch_norm_folded(net):
    """Into the kernel before it, as converters for inference do: nothing is left to train."""
    plan, read = net.migration.plan, net.migration.read
    for norm in layers(net, *BATCH_NORM):
        for conv in layers(net, "Conv2D"):
            if conv.outputs == norm.inputs and not conv.config["use_bias"]:
                value = {weight.name: read(weight.variable) for weight in norm.weights}
                deviation = np.sqrt(value["moving_variance"] + norm.config["epsilon"])
                factor = value.get("gamma", 1) / deviation
                (kernel,), mean = conv.weights, weight_of(norm, "moving_mean")
                folded = dataclasses.replace(
                    conv,
                    config={**conv.config, "use_bias": True},
                    weights=(kernel, dataclasses.replace(mean, name="bias")),
                )
                return net.build(
                    without(replaced(plan, conv, folded), norm),
                    {
                        kernel.variable: read(kernel.variable) * factor,
                        mean.variable: value.get("beta", 0) - value["moving_mean"] * factor,
                    },
                )
    return None
