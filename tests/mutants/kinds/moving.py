"""Moving statistics that move otherwise in training. Inference is the same."""

from __future__ import annotations

import dataclasses

from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import BATCH_NORM, configured, layers, replaced, trains, weights
from tests.mutants.kinds.registry import kind

L0, L2, L3 = Level.WEIGHTS, Level.TRAINING, Level.GRADIENTS
_EXACT = "SlimBatchNormalization"
_KERAS_MOMENTUM, _SLIM_DECAY = 0.99, 0.999


def _training(net):
    return filter(trains, layers(net, *BATCH_NORM))


@kind(L0, L2)
def momentum_is_one_minus_decay(net):
    for record in _training(net):
        return net.build(configured(net, record, momentum=1 - record.config["momentum"]))
    return None


@kind(L0, L2)
def momentum_of_keras(net):
    for record in _training(net):
        return net.build(configured(net, record, momentum=_KERAS_MOMENTUM))
    return None


@kind(L0, L2)
def momentum_of_slim(net):
    """slim's default where the network says otherwise."""
    for record in _training(net):
        if record.config["momentum"] != _SLIM_DECAY:
            return net.build(configured(net, record, momentum=_SLIM_DECAY))
    return None


@kind(L0, L2, L3)
def batch_norm_frozen(net):
    for record in _training(net):
        return net.build(configured(net, record, trainable=False))
    return None


@kind(L0, L2)
def biased_variance_kept(net):
    """Without N/(N-1), although the layer that has it was asked for."""
    for record in layers(net, _EXACT):
        if record.config["fused"]:
            return net.build(configured(net, record, fused=False))
    return None


@kind(L0, L2)
def unbiased_variance_kept(net):
    """With N/(N-1), although slim was told fused=False."""
    for record in layers(net, _EXACT):
        if not record.config["fused"]:
            return net.build(configured(net, record, fused=True))
    return None


@kind(L0, L2)
def keras_layer_for_the_exact_one(net):
    for record in layers(net, _EXACT):
        own = ("fused", "zero_debias_moving_mean")
        config = {key: value for key, value in record.config.items() if key not in own}
        changed = dataclasses.replace(record, target="layers.BatchNormalization", config=config)
        return net.build(replaced(net.migration.plan, record, changed))
    return None


@kind(L0, L2)
def zero_debias_lost(net):
    for record, _ in weights(net, "biased"):
        extra = ("biased", "local_step")
        changed = dataclasses.replace(
            record,
            config={**record.config, "zero_debias_moving_mean": False},
            weights=tuple(weight for weight in record.weights if weight.name not in extra),
        )
        return net.build(replaced(net.migration.plan, record, changed))
    return None


@kind(L0, L2)
def zero_debias_starts_again(net):
    for _, step in weights(net, "local_step"):
        return net.build(values={step.variable: 0})
    return None
