"""Runs the very model that was handed in, as its user will: called, and compiled."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.errors import ParityError, explain, reason
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.functional import pack_inputs
from slimfix.parity.keras_code import are_all_keras


class LiveModel:
    """A Keras model, as it was built or loaded, in inference mode. Its weights stay as they are."""

    def __init__(self, model: Any, flow: Dataflow):
        """Takes a functional or Sequential keras.Model, and its dataflow."""
        import tensorflow as tf

        self._model, self._flow = model, flow
        signature = [tf.TensorSpec(each.shape, each.dtype) for each in flow.inputs]
        # One trace for all shapes.
        compiled = tf.function(self._call, input_signature=signature).get_concrete_function()
        self._ways = {"called": self._call, "compiled": compiled}
        if are_all_keras(flow.operations.values()):
            del self._ways["called"]

    def _call(self, *values: Any) -> list[Any]:
        import keras

        given = pack_inputs(self._model, values)
        found: list[Any] = keras.tree.flatten(self._model(given, training=False))
        return found

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
        """Returns the outputs, by how they were had: 'called', unless all is Keras's own code, of
        which each layer was called before, and 'compiled'.

        Args:
          inputs: value by Keras input name.
        Raises: ParityError: it does not take them.
        """
        import keras

        kept = [(each, _array(each)) for each in self._model.non_trainable_variables]
        values = [
            keras.ops.convert_to_tensor(inputs[each.name], dtype=each.dtype)
            for each in self._flow.inputs
        ]
        try:
            return {how: _arrays(way(*values)) for how, way in self._ways.items()}
        except Exception as error:  # Keras has many kinds for what a layer does not take.
            shapes = ", ".join(f"{list(value.shape)} {value.dtype.name}" for value in values)
            raise ParityError(
                explain(f"The model cannot run on {shapes}", [reason(error)])
            ) from error
        finally:
            for variable, value in kept:  # A layer may move its statistics in inference, too.
                variable.assign(value)


def _arrays(values: Sequence[Any]) -> list[np.ndarray]:
    return [_array(value) for value in values]


def _array(value: Any) -> np.ndarray:
    import keras

    return np.array(keras.ops.convert_to_numpy(value))
