"""Batch norm: the fused op, the fused op between reshapes, and written out in inference mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix import names
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.view import Node
from slimfix.migration import exact
from slimfix.migration.converters.batch_statistics import batch_statistics
from slimfix.migration.converters.parameters import Parameters
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord, WeightRecord
from slimfix.migration.registry import converts
from slimfix.network.inference import BATCH_NORM

_SLIM_DECAY = 0.999  # Default of slim.batch_norm, for layers whose graph never updates anything.


@converts(*FUSED_OPS)
def fused(planner: Planner, node: Node) -> LayerRecord | None:
    return _fused(planner, node, node, node.inputs[0])


@converts(BATCH_NORM)
def in_training_mode(planner: Planner, node: Node) -> LayerRecord | None:
    return _in_training_mode(planner, node, node, node.inputs[0])


def _in_training_mode(planner: Planner, node: Node, end: Node, source: str) -> LayerRecord | None:
    shape = planner.shape(source)
    if shape is None or node.attr("axis") not in (-1, len(shape) - 1):
        return None
    _, mean, variance, *parameters = node.inputs
    gamma = parameters.pop(0) if node.attr("scale") else None
    beta = parameters.pop(0) if node.attr("center") else None
    return _layer(planner, end, source, gamma, beta, mean, variance, node.attr("epsilon"))


@converts("Reshape")
def fused_rank_2(planner: Planner, node: Node) -> LayerRecord | None:
    """slim normalises [batch, channels] as [batch, 1, 1, channels] and reshapes back."""
    inner = planner.producer(node.inputs[0], BATCH_NORM, *FUSED_OPS)
    if inner is None or not planner.only_consumer_is(node.inputs[0], node):
        return None
    before = planner.producer(inner.inputs[0], "Reshape")
    if before is None:
        return None
    shape, between = planner.shape(before.inputs[0]), planner.shape(inner.inputs[0])
    if shape is None or between is None or len(shape) != 2 or between[1:] != (1, 1, shape[1]):
        return None
    read = _in_training_mode if inner.op == BATCH_NORM else _fused
    return read(planner, inner, node, before.inputs[0])


def _fused(planner: Planner, node: Node, end: Node, source: str) -> LayerRecord | None:
    if node.attr("data_format", "NHWC") != "NHWC":
        return None
    gamma, beta = node.inputs[1:3]
    if node.attr("is_training", True):
        return _fused_in_training_mode(planner, end, source, gamma, beta, node.attr("epsilon"))
    mean, variance = node.inputs[3:]
    return _layer(planner, end, source, gamma, beta, mean, variance, node.attr("epsilon"))


def _fused_in_training_mode(
    planner: Planner, end: Node, source: str, gamma: str, beta: str, epsilon: float
) -> LayerRecord | None:
    scale, center = _affine(planner, gamma, 1.0), _affine(planner, beta, 0.0)
    if scale is None or center is None:
        return None
    parameters = Parameters(gamma if scale else None, beta if center else None)
    return batch_statistics(planner, end, source, parameters, epsilon)


@converts("Add", "AddV2")
def written_out(planner: Planner, node: Node) -> LayerRecord | None:
    """x * (rsqrt(variance + epsilon) * gamma) + (beta - mean * (rsqrt(...) * gamma)).

    Source: tensorflow:tensorflow/python/ops/nn_impl.py, `batch_normalization`.
    """
    for scaled, offset in (node.inputs, node.inputs[::-1]):
        found = match_written_out(planner, scaled, offset)
        if found is not None:
            source, gamma, beta, mean, variance, epsilon = found
            return _layer(planner, node, source, gamma, beta, mean, variance, epsilon)
    return None


def match_written_out(planner: Planner, scaled: str, offset: str) -> tuple[Any, ...] | None:
    """Reads (x, gamma, beta, mean, variance, epsilon), gamma and beta None where they are absent.

    Args:
      planner: holds the function.
      scaled: the tensor that is to be x * (rsqrt(variance + epsilon) * gamma).
      offset: the tensor that is to be beta - mean * (rsqrt(variance + epsilon) * gamma).
    """
    product = planner.producer(scaled, "Mul")
    shift = planner.producer(offset, "Sub", "Mul")
    if product is None or shift is None:
        return None
    beta = shift.inputs[0] if shift.op == "Sub" else None
    shifted_mean = planner.producer(shift.inputs[1], "Mul") if beta else shift
    if shifted_mean is None:
        return None
    for source, factor in (product.inputs, product.inputs[::-1]):
        scale = _match_scale(planner, factor)
        if scale is None or factor not in shifted_mean.inputs:
            continue
        mean = _other(shifted_mean, factor)
        if beta is None:  # Without an offset the mean itself is negated.
            negation = planner.producer(mean, "Neg")
            if negation is None:
                continue
            mean = negation.inputs[0]
        gamma, variance, epsilon = scale
        return source, gamma, beta, mean, variance, epsilon
    return None


def _match_scale(planner: Planner, tensor: str) -> tuple[str | None, str, float] | None:
    """Reads rsqrt(variance + epsilon), or that times gamma, as (gamma, variance, epsilon)."""
    root, gamma = planner.producer(tensor, "Rsqrt"), None
    if root is None:
        product = planner.producer(tensor, "Mul")
        for operand in product.inputs if product else ():
            root = planner.producer(operand, "Rsqrt")
            if root is not None and product is not None:
                gamma = _other(product, operand)
                break
    total = planner.producer(root.inputs[0], "Add", "AddV2") if root else None
    if total is None:
        return None
    for variance, epsilon in (total.inputs, total.inputs[::-1]):
        value = planner.constant(epsilon)
        if value is not None and value.ndim == 0:
            return gamma, variance, float(value)
    return None


def _other(node: Node, operand: str) -> str:
    return node.inputs[1] if node.inputs[0] == operand else node.inputs[0]


def _layer(
    planner: Planner,
    end: Node,
    source: str,
    gamma: str | None,
    beta: str | None,
    mean: str,
    variance: str,
    epsilon: float,
) -> LayerRecord | None:
    if planner.variable(mean) is None or planner.variable(variance) is None:
        return None
    scale, center = _affine(planner, gamma, 1.0), _affine(planner, beta, 0.0)
    if scale is None or center is None:
        return None
    weights: list[WeightRecord] = []
    config: dict[str, Any] = {"axis": -1, "epsilon": epsilon, "scale": scale, "center": center}
    for name, tensor, present in (("gamma", gamma, scale), ("beta", beta, center)):
        if present and tensor is not None:
            weights.append(planner.weight(name, tensor))
            config[f"{name}_regularizer"] = planner.regularizer(tensor)
    moving_mean = planner.weight("moving_mean", mean)
    weights += [moving_mean, planner.weight("moving_variance", variance)]
    channels = (planner.shape(source) or (None,))[-1]
    if len(moving_mean.shape) != 1 or channels not in (None, *moving_mean.shape):
        return None
    if any(weight.shape != moving_mean.shape for weight in weights):
        return None
    slim_layer = planner.batch_norms.get(moving_mean.variable)
    decay = slim_layer.decay if slim_layer else None
    config["momentum"] = _SLIM_DECAY if decay is None else decay
    notes = training_notes(slim_layer)
    scope = names.parent_scope(moving_mean.variable)
    target = "layers.BatchNormalization"
    if slim_layer and moving_mean.variable in planner.exact:
        target, notes = exact.TARGET, []
        config.update(exact.settings(slim_layer))
        weights += exact.extra_weights(slim_layer, moving_mean.shape)
    return planner.layer(target, scope, [source], end, config, weights, notes)


def training_notes(layer: BatchNormLayer | None) -> list[str]:
    """Returns where Keras's layer will train otherwise than slim's; inference is the same."""
    if layer is None or layer.mode == "inference":
        return [
            "the graph never updates its statistics; set trainable=False before training to keep "
            f"them (momentum is slim's default, {_SLIM_DECAY})"
        ]
    notes = []
    if layer.kind == "fused":
        notes.append(
            "slim's fused op stores variance * N/(N-1) in moving_variance (N: elements per channel "
            "in a batch), Keras the plain variance"
        )
    if layer.extras:
        kept = ", ".join(sorted(names.last_part(name) for name in layer.extras))
        notes.append(f"slim also keeps {kept} in training; Keras's layer trains without")
    if layer.decay is None:
        notes.append(f"its decay is no constant; momentum is slim's default, {_SLIM_DECAY}")
    return notes


def _affine(planner: Planner, tensor: str | None, neutral: float) -> bool | None:
    """True for a variable, False for nothing or the neutral constant, None for anything else."""
    if tensor is None:
        return False
    if planner.variable(tensor) is not None:
        return True
    value = planner.constant(tensor)
    return False if value is not None and np.all(value == neutral) else None
