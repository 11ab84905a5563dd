"""What switches gradients: a ReLU that is on or off, the largest of a window."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from slimfix import names
from slimfix.graphdef.control_flow import find_in_branches
from slimfix.reference.training import TrainingGraph

_RECTIFYING = ("Relu", "Relu6")
_COMPARING = ("Greater", "GreaterEqual", "Less", "LessEqual", "Maximum", "Minimum", "Max", "Min")
_DECIDING = (
    *(*_RECTIFYING, "LeakyRelu", "Elu", "Selu", "Abs", "ClipByValue"),
    *(*_COMPARING, "MaxPool", "MaxPoolV2", "MaxPool3D", "MaxPoolWithArgmax"),
)


def find_decisions(graph: TrainingGraph) -> list[str]:
    """Returns the names of the tensors by whose values the gradients of a graph are switched.

    They are what piecewise ops read and make, if it can be fed. Where one stands at its threshold,
    rounding decides, and a gradient changes by far more than rounding.
    """
    view = graph.network.view
    found: dict[str, None] = {}
    for node in view.nodes.values():
        if node.op in _DECIDING:
            found.update(dict.fromkeys([*node.inputs, f"{node.name}:0"]))
    inside = set(find_in_branches(view, [names.split_tensor_name(tensor)[0] for tensor in found]))
    return [
        tensor
        for tensor in found
        if names.split_tensor_name(tensor)[0] not in inside and _is_computed(graph, tensor)
    ]


def _is_computed(graph: TrainingGraph, name: str) -> bool:
    try:
        tensor = graph.tensor(name)
    except KeyError:  # Nothing needs it.
        return False
    is_given = tensor.op.type in ("Const", "Placeholder")
    return bool(tensor.dtype.is_floating and not is_given and graph.graph.is_feedable(tensor))


def count_switched(
    graph: TrainingGraph, values: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]
) -> int:
    """Returns how many ReLUs are on in one run and off in another.

    Args:
      graph: of both.
      values, others: by tensor name; those that both have are compared.
    """
    made = [
        f"{node.name}:0" for node in graph.network.view.nodes.values() if node.op in _RECTIFYING
    ]
    return sum(
        int(np.sum((values[name] > 0) != (others[name] > 0)))
        for name in made
        if name in values and name in others
    )
