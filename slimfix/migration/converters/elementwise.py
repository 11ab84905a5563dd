"""Arithmetic on two tensors, or on a tensor and a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

_LAYERS = {
    "Add": "layers.Add",
    "AddV2": "layers.Add",
    "AddN": "layers.Add",
    "Mul": "layers.Multiply",
    "Maximum": "layers.Maximum",
    "Minimum": "layers.Minimum",
    "Sub": "layers.Subtract",
}
_WITH_SCALAR = {
    "Add": "ops.add",
    "AddV2": "ops.add",
    "Mul": "ops.multiply",
    "Maximum": "ops.maximum",
    "Minimum": "ops.minimum",
    "RealDiv": "ops.divide",
    "Sub": "ops.subtract",
}


@converts(*_LAYERS)
def two_tensors(planner: Planner, node: Node) -> LayerRecord | None:
    """Shapes may broadcast, but not to another rank: Keras and TensorFlow align ranks alike."""
    shapes = [planner.shape(tensor) for tensor in node.inputs]
    ranks = {None if shape is None else len(shape) for shape in shapes}
    computed = all(_is_computed(planner, tensor) for tensor in node.inputs)
    if len(node.inputs) < 2 or len(ranks) != 1 or None in ranks or not computed:
        return None
    return planner.layer(_LAYERS[node.op], node.name, node.inputs, node, {})


@converts(*_WITH_SCALAR)
def tensor_and_scalar(planner: Planner, node: Node) -> LayerRecord | None:
    config, tensors = {}, []
    for name, tensor in zip(("x1", "x2"), node.inputs):
        value = planner.constant(tensor)
        if value is not None and value.ndim == 0:
            config[name] = float(value)
        elif _is_computed(planner, tensor):
            tensors.append(tensor)
    if len(config) != 1 or len(tensors) != 1:
        return None
    return planner.layer(_WITH_SCALAR[node.op], node.name, tensors, node, config)


@converts("Add", "AddV2", "Mul", "Sub")
def tensor_and_channels(planner: Planner, node: Node) -> LayerRecord | None:
    """A constant for each channel, as in mean subtraction: scale * x + offset.

    Not division: Keras reads a list as float32, and 1 / c is none.
    """
    left, right = (planner.constant(tensor) for tensor in node.inputs)
    value = right if left is None else left
    source = node.inputs[0] if left is None else node.inputs[1]
    shape = planner.shape(source)
    if value is None or not shape or not _is_computed(planner, source):
        return None
    if value.ndim != 1 or value.shape[0] != shape[-1]:
        return None
    config = _rescaling(node.op, value.astype(np.float64), constant_first=left is not None)
    return planner.layer("layers.Rescaling", node.name, [source], node, config)


def _rescaling(op: str, value: np.ndarray, constant_first: bool) -> dict[str, Any]:
    if op in ("Add", "AddV2"):
        return {"scale": 1.0, "offset": value.tolist()}
    if op == "Mul":
        return {"scale": value.tolist(), "offset": 0.0}
    if constant_first:
        return {"scale": -1.0, "offset": value.tolist()}
    return {"scale": 1.0, "offset": (-value).tolist()}


def _is_computed(planner: Planner, tensor: str) -> bool:
    return planner.constant(tensor) is None and planner.variable(tensor) is None
