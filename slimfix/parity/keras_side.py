"""Runs a saved Keras model one operation at a time, in float32 or in float64.

So only what operations to come will read is in memory; and of the float64 twin, which would be
twice as large as the model, one layer at a time.
"""

from __future__ import annotations

import collections
import json
from typing import Any, Iterable, Iterator, Mapping, Sequence

import numpy as np

from slimfix.migration.build import Probe
from slimfix.parity.float64_layers import in_float64


def load_model(path: str) -> Any:
    """Returns a `.keras` model, loaded with plain Keras: safe mode, no custom objects."""
    import keras

    return keras.models.load_model(path, compile=False)


def find_tensors(model: Any, probes: Sequence[Probe]) -> dict[str, Any]:
    """Returns the symbolic tensor in the model by tensor name of the original graph.

    Which call of an operation made a tensor Keras shows in no public way.
    """
    within = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    operations = {operation.name: operation for operation in model.operations}
    found = {}
    for probe in probes:
        calls = [n for n in operations[probe.operation]._inbound_nodes if id(n) in within]
        found[probe.tensor] = calls[probe.call].output_tensors[probe.index]
    return found


class Playback:
    """One run of a functional model in inference mode, as far as it has been asked for."""

    def __init__(
        self, model: Any, inputs: Mapping[str, np.ndarray], wanted: Iterable[Any], float64: bool
    ):
        """Starts a run.

        Args:
          model: functional Keras model.
          inputs: value by Keras input name.
          wanted: the symbolic tensors that will be asked for, once each time they are in it.
          float64: run the float64 twin of every operation: each float32 in its configuration, its
            weights and its arguments is float64 there.
        """
        import keras

        self._float64 = float64
        ends = list(wanted)
        self._readers = collections.Counter(map(id, ends))
        for node in _nodes_behind(ends):
            self._readers.update(map(id, node.input_tensors))
        self._values = {}
        for tensor in model.inputs:
            dtype = _widen(tensor.dtype) if float64 else tensor.dtype
            value = keras.ops.convert_to_tensor(inputs[tensor.name], dtype=dtype)
            self._values[id(tensor)] = value

    def take(self, tensor: Any) -> np.ndarray:
        """Returns the value of a symbolic tensor, which is forgotten unless somebody reads it."""
        import keras

        pending = [tensor]
        while pending:
            if id(pending[-1]) in self._values:
                pending.pop()
                continue
            node = _made_by(pending[-1])
            missing = [each for each in node.input_tensors if id(each) not in self._values]
            if missing:
                pending.extend(missing)
            else:
                self._run(node)
        value = self._values[id(tensor)]
        self._release(tensor)
        return np.asarray(keras.ops.convert_to_numpy(value))

    def _run(self, node: Any) -> None:
        import keras

        def given(argument: Any) -> Any:
            if isinstance(argument, keras.KerasTensor):
                return self._values[id(argument)]
            return _widen(argument) if self._float64 else argument

        args, kwargs = keras.tree.map_structure(given, (node.arguments.args, node.arguments.kwargs))
        operation = in_float64(_twin(node.operation)) if self._float64 else node.operation
        results = keras.tree.flatten(operation(*args, **kwargs))
        self._values.update(zip(map(id, node.output_tensors), results))
        for tensor in node.input_tensors:
            self._release(tensor)

    def _release(self, tensor: Any) -> None:
        self._readers[id(tensor)] -= 1
        if self._readers[id(tensor)] <= 0:
            del self._values[id(tensor)]


def _made_by(tensor: Any) -> Any:
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def _nodes_behind(tensors: Iterable[Any]) -> Iterator[Any]:
    """Yields the calls that tensors come from, each once."""
    seen = set()
    pending = list(map(_made_by, tensors))
    while pending:
        node = pending.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            pending.extend(map(_made_by, node.input_tensors))


def _twin(operation: Any) -> Any:
    """Returns a layer or operation in float64, with the same weights.

    Made from the text that the `.keras` file holds of it. Initial values are not drawn: the
    weights replace them.
    """
    import keras

    text = json.dumps(keras.saving.serialize_keras_object(operation))
    config = json.loads(text.replace('"float32"', '"float64"'))
    weights = getattr(operation, "weights", [])
    if not weights:
        return keras.saving.deserialize_keras_object(config)
    for key in config["config"]:
        if key.endswith("_initializer"):
            config["config"][key] = "zeros"
    twin = keras.saving.deserialize_keras_object(config)
    for weight, value in zip(twin.weights, weights):
        weight.assign(value.value)
    return twin


def _widen(argument: Any) -> Any:
    """Returns an argument of an operation with float64 for float32."""
    import keras

    if isinstance(argument, str):
        return "float64" if argument == "float32" else argument
    if isinstance(argument, np.ndarray) and argument.dtype == np.float32:
        return argument.astype(np.float64)
    if keras.ops.is_tensor(argument) and keras.backend.standardize_dtype(argument.dtype) == (
        "float32"
    ):
        return keras.ops.cast(argument, "float64")
    return argument
