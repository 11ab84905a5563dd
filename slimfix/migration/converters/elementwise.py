"""Arithmetic on two tensors, or on a tensor and a constant."""

from __future__ import annotations

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
_WITH_CONSTANT = {
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
    shapes = {planner.shape(tensor) for tensor in node.inputs}
    computed = all(_is_computed(planner, tensor) for tensor in node.inputs)
    if len(node.inputs) < 2 or len(shapes) != 1 or not computed:
        return None
    return planner.layer(_LAYERS[node.op], node.name, node.inputs, node, {})


@converts(*_WITH_CONSTANT)
def tensor_and_scalar(planner: Planner, node: Node) -> LayerRecord | None:
    """Scalars only: a constant array has no place in a Keras model that is saved as text."""
    names = ("x1", "x2")
    config, tensors = {}, []
    for name, tensor in zip(names, node.inputs):
        value = planner.constant(tensor)
        if value is not None and value.ndim == 0:
            config[name] = float(value)
        elif _is_computed(planner, tensor):
            tensors.append(tensor)
    if len(config) != 1 or len(tensors) != 1:
        return None
    return planner.layer(_WITH_CONSTANT[node.op], node.name, tensors, node, config)


def _is_computed(planner: Planner, tensor: str) -> bool:
    return planner.constant(tensor) is None and planner.variable(tensor) is None
