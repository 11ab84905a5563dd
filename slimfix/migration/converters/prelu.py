"""The parametric ReLU, max(x, 0) + alpha * min(x, 0), in the forms that people write it in."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterator

import numpy as np

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("Add", "AddV2", "Sub")
def sum_of_parts(planner: Planner, node: Node) -> LayerRecord | None:
    """relu(x) + alpha * (x - |x|) * 0.5, relu(x) - alpha * relu(-x), and the like.

    Source: He et al. 2015, arXiv 1502.01852, equation 1.
    """
    pairs = [node.inputs] if node.op == "Sub" else [node.inputs, node.inputs[::-1]]
    for positive, product in pairs:
        source = _positive_part_of(planner, positive)
        if source is not None:
            sign = -1.0 if node.op == "Sub" else 1.0
            alpha = _alpha(planner, product, source, sign)
            if alpha is not None:
                return _layer(planner, node, source, alpha)
    return None


@converts("Select", "SelectV2")
def choice_of_parts(planner: Planner, node: Node) -> LayerRecord | None:
    """tf.where(x > 0, x, alpha * x)."""
    condition, positive, product = node.inputs
    test = planner.producer(condition, "Greater", "GreaterEqual")
    if test is None or test.inputs[0] != positive or not _is_zero(planner, test.inputs[1]):
        return None
    factors = list(_factors(planner, product))
    alphas = [factor for factor in factors if planner.variable(factor) is not None]
    if len(alphas) != 1 or sorted(factors) != sorted([positive, alphas[0]]):
        return None
    return _layer(planner, node, positive, alphas[0])


def _positive_part_of(planner: Planner, tensor: str) -> str | None:
    """Returns x where a tensor is max(x, 0)."""
    node = planner.producer(tensor, "Relu", "Maximum")
    if node is None:
        return None
    if node.op == "Relu":
        return node.inputs[0]
    return _beside_zero(planner, node)


def _alpha(planner: Planner, product: str, source: str, sign: float) -> str | None:
    """Returns alpha where sign * product is alpha * min(source, 0), and alpha a variable."""
    alphas: list[str] = []
    scale, parts = sign, 0
    for factor in _factors(planner, product):
        value = planner.constant(factor)
        negated = planner.producer(factor, "Neg")
        part = _negative_part(planner, factor, source)
        if planner.variable(factor) is not None:
            alphas.append(factor)
        elif part is not None:
            parts, scale = parts + 1, scale * part
        elif value is not None and value.ndim == 0:
            scale *= float(value)
        elif negated is not None and planner.variable(negated.inputs[0]) is not None:
            alphas.append(negated.inputs[0])
            scale = -scale
        else:
            return None
    return alphas[0] if len(alphas) == 1 and parts == 1 and scale == 1.0 else None


def _factors(planner: Planner, tensor: str) -> Iterator[str]:
    pending = [tensor]
    while pending:
        current = pending.pop()
        node = planner.producer(current, "Mul")
        if node is None:
            yield current
        else:
            pending += reversed(node.inputs)


def _negative_part(planner: Planner, tensor: str, source: str) -> float | None:
    """Returns c where a tensor is c * min(source, 0)."""
    node = planner.producer(tensor, "Minimum", "Relu", "Sub")
    if node is None:
        return None
    if node.op == "Minimum":
        return 1.0 if _beside_zero(planner, node) == source else None
    if node.op == "Relu":
        negation = planner.producer(node.inputs[0], "Neg")
        return -1.0 if negation is not None and negation.inputs[0] == source else None
    magnitude = planner.producer(node.inputs[1], "Abs")
    is_difference = node.inputs[0] == source and magnitude is not None
    return 2.0 if is_difference and magnitude.inputs[0] == source else None  # type: ignore[union-attr]


def _beside_zero(planner: Planner, node: Node) -> str | None:
    for operand, other in (node.inputs, node.inputs[::-1]):
        if _is_zero(planner, other):
            return operand
    return None


def _is_zero(planner: Planner, tensor: str) -> bool:
    value = planner.constant(tensor)
    return value is not None and bool(np.all(value == 0)) and value.ndim == 0


def _layer(planner: Planner, node: Node, source: str, alpha: str) -> LayerRecord | None:
    """alpha may be one number, or have a size of 1 or of the input's along each axis."""
    shape = planner.shape(source)
    weight = planner.weight("alpha", alpha)
    if not shape or len(weight.shape) > len(shape):
        return None
    aligned = (1,) * (len(shape) - len(weight.shape)) + tuple(weight.shape)
    sample = aligned[1:]
    if aligned[0] != 1 or any(a not in (1, size) for a, size in zip(sample, shape[1:])):
        return None
    shared = [
        axis for axis, (a, size) in enumerate(zip(sample, shape[1:]), 1) if a == 1 and size != 1
    ]
    config: dict[str, Any] = {
        "shared_axes": shared or None,
        "alpha_regularizer": planner.regularizer(alpha),
    }
    weight = dataclasses.replace(weight, shape=sample)
    scope = names.parent_scope(weight.variable) or node.name
    return planner.layer("layers.PReLU", scope, [source], node, config, (weight,))
