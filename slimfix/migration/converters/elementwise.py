"""Arithmetic, comparison and choice, element by element, with broadcasting."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.dtypes import FLOAT32, NAMES, is_float
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

_LAYERS = {
    "AddN": "layers.Add",
    "Mul": "layers.Multiply",
    "Maximum": "layers.Maximum",
    "Minimum": "layers.Minimum",
    "Sub": "layers.Subtract",
}
_BINARY = {
    "Atan2": "ops.arctan2",
    "Div": "ops.divide",
    "DivNoNan": "ops.divide_no_nan",
    "Equal": "ops.equal",
    "FloorDiv": "ops.floor_divide",
    "FloorMod": "ops.mod",
    "Greater": "ops.greater",
    "GreaterEqual": "ops.greater_equal",
    "Less": "ops.less",
    "LessEqual": "ops.less_equal",
    "LogicalAnd": "ops.logical_and",
    "LogicalOr": "ops.logical_or",
    "Maximum": "ops.maximum",
    "Minimum": "ops.minimum",
    "Mul": "ops.multiply",
    "NotEqual": "ops.not_equal",
    "Pow": "ops.power",
    "RealDiv": "ops.divide",
    "Sub": "ops.subtract",
}


@converts(*_LAYERS)
def two_tensors(planner: Planner, node: Node) -> LayerRecord | None:
    """Shapes may broadcast, but not to another rank: Keras's layers align ranks otherwise."""
    shapes = [planner.shape(tensor) for tensor in node.inputs]
    ranks = {None if shape is None else len(shape) for shape in shapes}
    computed = all(is_computed(planner, tensor) for tensor in node.inputs)
    if len(node.inputs) < 2 or len(ranks) != 1 or ranks & {None, 0} or not computed:
        return None
    if not is_float(node) or not _alike_in_front(planner, node.inputs):
        return None
    return planner.layer(_LAYERS[node.op], node.name, node.inputs, node, {})


def _alike_in_front(planner: Planner, tensors: Sequence[str]) -> bool:
    """Keras's layers take the first axis for the batch, along which they do not broadcast."""
    return len({(planner.shape(tensor) or (None,))[0] for tensor in tensors} - {None}) < 2


@converts("Add", "AddV2", "Mul", "Sub")
def tensor_and_channels(planner: Planner, node: Node) -> LayerRecord | None:
    """A constant for each channel, as in mean subtraction: scale * x + offset.

    In float32 only, as which Keras reads a list, and not division, for 1 / c is no float32.
    """
    left, right = (planner.constant(tensor) for tensor in node.inputs)
    value = right if left is None else left
    source = node.inputs[0] if left is None else node.inputs[1]
    shape = planner.shape(source)
    if value is None or not shape or not is_computed(planner, source):
        return None
    if value.ndim != 1 or value.shape[0] != shape[-1] or node.attr("T", FLOAT32) != FLOAT32:
        return None
    config = _rescaling(node.op, value.astype(np.float64), constant_first=left is not None)
    return planner.layer("layers.Rescaling", node.name, [source], node, config)


@converts("Add", "AddV2")
def addition(planner: Planner, node: Node) -> LayerRecord | None:
    """Addition by every way around Keras's shortcut for biases.

    On TensorFlow, keras.ops.add takes a second operand that has one size above 1 for a bias, and
    adds it along the channels if it only has as many numbers as there are: [4, 1, 1, 1] to
    [4, 7, 5, 4] goes wrong. It does not where both have one rank and the second one's shape is the
    sum's; subtraction has no such shortcut.

    Source: keras:keras/src/backend/tensorflow/numpy.py, `add`.
    """
    arguments = _arguments(planner, node, ("x1", "x2"))
    if arguments is None:
        return None
    tensors, config = arguments
    constant = next(iter(config.values()), None)
    if config and not isinstance(constant, np.ndarray):
        return planner.layer("ops.add", node.name, tensors, node, {"x2": constant})
    larger = _larger(planner, tensors) if not config else None
    if larger is not None:
        smaller = tensors[0] if larger == tensors[1] else tensors[1]
        is_layer = is_float(node) and _alike_in_front(planner, tensors)
        target = "layers.Add" if is_layer else "ops.add"
        return planner.layer(target, node.name, [smaller, larger], node, {})
    if not is_float(node):
        return None
    if constant is not None:
        return planner.layer("ops.subtract", node.name, tensors, node, {"x2": -constant})
    negative = planner.step("ops.negative", node, "negative", tensors[1:], {})
    return planner.layer("ops.subtract", node.name, [tensors[0], negative], node, {})


def _larger(planner: Planner, tensors: list[str]) -> str | None:
    """Returns which of two tensors of one rank has the shape of their sum, the second if both."""
    left, right = (planner.shape(tensor) for tensor in tensors)
    if not left or not right or len(left) != len(right):
        return None
    if all(small in (1, size) for small, size in zip(left, right)):
        return tensors[1]
    if all(small in (1, size) for small, size in zip(right, left)):
        return tensors[0]
    return None


def _rescaling(op: str, value: np.ndarray, constant_first: bool) -> dict[str, Any]:
    if op in ("Add", "AddV2"):
        return {"scale": 1.0, "offset": value.tolist()}
    if op == "Mul":
        return {"scale": value.tolist(), "offset": 0.0}
    if constant_first:
        return {"scale": -1.0, "offset": value.tolist()}
    return {"scale": 1.0, "offset": (-value).tolist()}


@converts(*_BINARY)
def binary(planner: Planner, node: Node) -> LayerRecord | None:
    """Two computed tensors, or one and a constant of any shape."""
    if node.op == "Div" and not is_float(node):
        return None  # It cuts off towards zero; no operation of Keras does.
    return _operation(planner, node, _BINARY[node.op], ("x1", "x2"))


@converts("SquaredDifference")
def squared_difference(planner: Planner, node: Node) -> LayerRecord | None:
    arguments = _arguments(planner, node, ("x1", "x2"))
    if arguments is None:
        return None
    tensors, config = arguments
    difference = planner.step("ops.subtract", node, "difference", tensors, config)
    return planner.layer("ops.square", node.name, [difference], node, {})


@converts("Select", "SelectV2")
def choice(planner: Planner, node: Node) -> LayerRecord | None:
    """tf.where. The older op takes a condition of another rank for one a sample, or for all."""
    ranks = {len(planner.shape(tensor) or ()) for tensor in node.inputs}
    if node.op == "Select" and len(ranks) != 1:
        return None
    arguments = _arguments(planner, node, ("condition", "x1", "x2"))
    if arguments is None:
        return None
    tensors, config = arguments
    if len(config) == 2 and "condition" not in config:
        dtype = NAMES.get(node.attr("T"))
        if dtype is None or not planner.shape(tensors[0]):
            return None
        # Of two plain numbers Keras makes float32 or int32, whatever the graph has.
        config = {name: np.array(value, dtype, ndmin=1) for name, value in config.items()}
    return planner.layer("ops.where", node.name, tensors, node, config)


@converts("ClipByValue")
def clip(planner: Planner, node: Node) -> LayerRecord | None:
    bounds = [planner.constant(tensor) for tensor in node.inputs[1:]]
    if not is_computed(planner, node.inputs[0]) or any(b is None or b.ndim for b in bounds):
        return None
    config = {name: argument(bound) for name, bound in zip(("x_min", "x_max"), bounds)}
    return planner.layer("ops.clip", node.name, [node.inputs[0]], node, config)


def _operation(
    planner: Planner, node: Node, target: str, parameters: tuple[str, ...]
) -> LayerRecord | None:
    arguments = _arguments(planner, node, parameters)
    if arguments is None:
        return None
    tensors, config = arguments
    return planner.layer(target, node.name, tensors, node, config)


def _arguments(
    planner: Planner, node: Node, parameters: tuple[str, ...]
) -> tuple[list[str], Mapping[str, Any]] | None:
    """Returns the computed operands, and the constant ones by parameter; None for variables."""
    tensors, config = [], {}
    for parameter, tensor in zip(parameters, node.inputs):
        value = planner.constant(tensor)
        if value is not None:
            config[parameter] = argument(value)
        elif is_computed(planner, tensor):
            tensors.append(tensor)
        else:
            return None
    return (tensors, config) if tensors else None


def argument(value: np.ndarray | None) -> Any:
    """Returns a constant as a Keras operation takes it: a plain number takes the tensor's dtype."""
    return value.item() if value is not None and value.ndim == 0 else value


def is_computed(planner: Planner, tensor: str) -> bool:
    """Tells whether a tensor depends on the inputs: it is no constant and no variable."""
    return planner.constant(tensor) is None and planner.variable(tensor) is None
