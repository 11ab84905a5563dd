"""Layer, instance and group norm: a written-out normalisation by its input's own moments.

Batch norm has the same form: in inference mode its moments are variables, in training mode they are
the batch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.batch_norm import match_written_out
from slimfix.migration.converters.batch_statistics import batch_statistics
from slimfix.migration.converters.parameters import Parameters
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("Add", "AddV2")
def by_own_moments(planner: Planner, node: Node) -> LayerRecord | None:
    """slim.layer_norm, slim.instance_norm, and batch norm by the batch's moments, written out.

    Source: tensorflow:tensorflow/contrib/layers/python/layers/layers.py, normalization.py.
    """
    found = _match(planner, node)
    if found is None:
        return None
    source, parameters, axes, epsilon = found
    shape = planner.shape(source)
    if shape is None or not parameters.are_variables(planner):
        return None
    rank = len(shape)
    if axes == tuple(range(rank - 1)):
        return batch_statistics(planner, node, source, parameters, epsilon)
    sizes = parameters.shapes(planner)
    if len(sizes) > 1 or any(planner.is_batch(source, axis) for axis in axes):
        return None
    # The parameters broadcast along the last axes, and Keras's lie along those it normalises.
    wanted = sizes.pop() if sizes else None
    config: dict[str, Any] = {"epsilon": epsilon}
    is_last = axes == tuple(range(rank - len(axes), rank))
    if wanted is None or (is_last and wanted == tuple(shape[axis] for axis in axes)):
        return _layer(
            planner, "LayerNormalization", source, node, {"axis": list(axes), **config}, parameters
        )
    if wanted != (shape[-1],):
        return None
    groups = {tuple(range(1, rank)): 1, tuple(range(1, rank - 1)): shape[-1]}.get(axes)
    if groups is None:
        return None
    config.update(groups=groups, axis=-1)
    return _layer(planner, "GroupNormalization", source, node, config, parameters)


@converts("Div", "Mul", "RealDiv")
def by_own_moments_as_in_textbooks(planner: Planner, node: Node) -> LayerRecord | None:
    """(x - mean) / sqrt(variance + epsilon), or * rsqrt(...), by the batch's moments.

    Scale and offset, if any, are arithmetic with variables.
    """
    difference, spread = node.inputs
    if node.op == "Mul" and planner.producer(difference, "Rsqrt"):
        difference, spread = spread, difference
    centred = planner.producer(difference, "Sub")
    root = planner.producer(spread, "Rsqrt" if node.op == "Mul" else "Sqrt")
    total = planner.producer(root.inputs[0], "Add", "AddV2") if root else None
    if centred is None or total is None:
        return None
    source, mean = centred.inputs
    epsilon = planner.constant(total.inputs[1])
    axes = _own_moments(planner, source, mean, total.inputs[0])
    rank = len(planner.shape(source) or ())
    if epsilon is None or epsilon.ndim or axes != tuple(range(rank - 1)):
        return None
    return batch_statistics(planner, node, source, Parameters(None, None), float(epsilon))


@converts("Reshape")
def group_norm(planner: Planner, node: Node) -> LayerRecord | None:
    """slim.group_norm: the channels are split in groups, normalised, and joined again.

    Source: tensorflow:tensorflow/contrib/layers/python/layers/normalization.py, `group_norm`.
    """
    total = planner.producer(node.inputs[0], "Add", "AddV2")
    product = planner.producer(total.inputs[0], "Mul") if total else None
    before = planner.producer(product.inputs[0], "Reshape") if product else None
    if total is None or product is None or before is None:
        return None
    split, gain = product.inputs
    found = _match_grouped(planner, split, gain, total.inputs[1])
    shape, grouped = planner.shape(before.inputs[0]), planner.shape(split)
    own = planner.shape(names.join_tensor_name(node.name, 0))
    if found is None or not shape or not grouped or own is None or own[1:] != shape[1:]:
        return None
    parameters, axes, epsilon = found
    rank = len(shape)
    if len(grouped) != rank + 1 or grouped[1:-2] != shape[1:-1] or None in grouped[-2:]:
        return None
    if axes != (*range(1, rank - 1), rank):
        return None
    if any(planner.is_batch(split, axis) for axis in (*axes, rank - 1)):
        return None
    config = {"epsilon": epsilon, "groups": grouped[-2], "axis": -1}
    source = before.inputs[0]
    return _layer(planner, "GroupNormalization", source, node, config, parameters)


def _match_grouped(
    planner: Planner, source: str, gain: str, offset: str
) -> tuple[Parameters, tuple[int, ...], float] | None:
    """Reads gain = rsqrt(variance + epsilon) * gamma and offset = beta - mean * gain."""
    gamma = beta = None
    shifted = planner.producer(offset, "Add", "AddV2")
    if shifted is not None:
        offset, beta = shifted.inputs
    root = planner.producer(gain, "Rsqrt")
    scaled = planner.producer(gain, "Mul")
    if root is None and scaled is not None:
        root, gamma = planner.producer(scaled.inputs[0], "Rsqrt"), scaled.inputs[1]
        shifted = planner.producer(offset, "Mul")
        if shifted is None or shifted.inputs[1] != gamma:
            return None
        offset = shifted.inputs[0]
    negative = planner.producer(offset, "Mul")
    negation = planner.producer(negative.inputs[0], "Neg") if negative else None
    stable = planner.producer(root.inputs[0], "Add", "AddV2") if root else None
    if root is None or negative is None or negation is None or stable is None:
        return None
    epsilon = planner.constant(stable.inputs[1])
    axes = _own_moments(planner, source, negation.inputs[0], stable.inputs[0])
    if epsilon is None or epsilon.ndim or axes is None:
        return None
    if negative.inputs[1] != names.join_tensor_name(root.name, 0):
        return None
    read = Parameters(*(_read_grouped(planner, tensor) for tensor in (gamma, beta)))
    if (read.gamma is None) != (gamma is None) or (read.beta is None) != (beta is None):
        return None
    return read, axes, float(epsilon)


def _match(planner: Planner, node: Node) -> tuple[str, Parameters, tuple[int, ...], float] | None:
    """Reads (input, parameters, axes, epsilon) where both moments are taken of the input itself."""
    for scaled, offset in (node.inputs, node.inputs[::-1]):
        found = match_written_out(planner, scaled, offset)
        if found is None:
            continue
        source, gamma, beta, mean, variance, epsilon = found
        axes = _own_moments(planner, source, mean, variance)
        if axes is not None:
            return source, Parameters(gamma, beta), axes, epsilon
    return None


def _own_moments(planner: Planner, source: str, mean: str, variance: str) -> tuple[int, ...] | None:
    """Returns the axes over which the two are mean and variance of `source`, as tf.nn.moments."""
    mean, variance = (_unsqueezed(planner, tensor) for tensor in (mean, variance))
    axes = _moment_axes(planner, mean, source)
    squares = planner.producer(variance, "Mean")
    deviation = planner.producer(squares.inputs[0], "SquaredDifference") if squares else None
    if axes is None or squares is None or deviation is None:
        return None
    if set(deviation.inputs) != {source, mean}:
        return None
    return axes if _moment_axes(planner, variance, squares.inputs[0]) == axes else None


def _moment_axes(planner: Planner, tensor: str, source: str) -> tuple[int, ...] | None:
    mean = planner.producer(tensor, "Mean")
    shape = planner.shape(source)
    if mean is None or mean.inputs[0] != source or not mean.attr("keep_dims") or not shape:
        return None
    axes = planner.constant(mean.inputs[1])
    if axes is None:
        return None
    return tuple(sorted(int(axis) % len(shape) for axis in np.ravel(axes)))


def _unsqueezed(planner: Planner, tensor: str) -> str:
    """Returns what tf.nn.moments leaves a moment [channels] of, which broadcasts as that does."""
    node = planner.producer(tensor, "Squeeze")
    if node is None or len(planner.shape(tensor) or ()) != 1:
        return tensor
    return node.inputs[0]


def _read_grouped(planner: Planner, tensor: str | None) -> str | None:
    """Returns what reads a [channels] variable that was reshaped to [1, ..., groups, -1]."""
    node = planner.producer(tensor, "Reshape") if tensor else None
    if node is None or planner.variable(node.inputs[0]) is None:
        return None
    return node.inputs[0] if len(planner.weight("", node.inputs[0]).shape) == 1 else None


def _layer(
    planner: Planner,
    kind: str,
    source: str,
    end: Node,
    config: dict[str, Any],
    parameters: Parameters,
) -> LayerRecord:
    config.update(parameters.config(planner))
    weights, scope = parameters.weights(planner), parameters.scope(planner, end)
    return planner.layer(f"layers.{kind}", scope, [source], end, config, weights)
