"""Runs a saved Keras model, its layers too, in float32 or as its float64 twin."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.migration.build import Probe


def load_model(path: str) -> Any:
    """Returns a `.keras` model, loaded with plain Keras: safe mode, no custom objects."""
    import keras

    return keras.models.load_model(path, compile=False)


def float64_twin(model: Any) -> Any:
    """Returns the same model with every float32 layer and input in float64, same weights."""
    import keras

    # From the text that the `.keras` file holds too, so that both models count calls alike.
    twin = keras.models.model_from_json(model.to_json().replace('"float32"', '"float64"'))
    twin.set_weights(model.get_weights())
    return twin


@dataclasses.dataclass(frozen=True)
class ModelRun:
    """What a model computed.

    Attributes:
      outputs: in the model's order.
      probed: value by tensor name of the original graph.
    """

    outputs: tuple[np.ndarray, ...]
    probed: Mapping[str, np.ndarray]


def run_model(model: Any, inputs: Mapping[str, np.ndarray], probes: Sequence[Probe]) -> ModelRun:
    """Returns the inference-mode values of a model's outputs and of every probed tensor.

    Args:
      model: functional Keras model.
      inputs: value by Keras input name.
      probes: where to look.
    """
    import keras

    values = [_as_input(tensor, inputs[tensor.name]) for tensor in model.inputs]
    probed = keras.Model(
        model.inputs,
        {
            "outputs": list(model.outputs),
            "probed": {probe.tensor: _output(model, probe) for probe in probes},
        },
    )
    results = keras.tree.map_structure(keras.ops.convert_to_numpy, probed(values, training=False))
    return ModelRun(tuple(results["outputs"]), results["probed"])


def _as_input(tensor: Any, value: np.ndarray) -> Any:
    import keras

    return keras.ops.convert_to_tensor(value, dtype=tensor.dtype)


def _output(model: Any, probe: Probe) -> Any:
    """The symbolic output of one call of an operation; Keras shows it in no public way."""
    operation = next(found for found in model.operations if found.name == probe.operation)
    nodes = [node for node in operation._inbound_nodes if _is_within(model, node)]
    return nodes[probe.call].output_tensors[probe.index]


def _is_within(model: Any, node: Any) -> bool:
    return any(node in nodes for nodes in model._nodes_by_depth.values())
