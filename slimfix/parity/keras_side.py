"""Runs a saved Keras model one operation at a time, in float32 or in float64.

So only what operations to come will read is in memory; and of the float64 twin, which would be
twice as large as the model, one layer at a time.
"""

from __future__ import annotations

import collections
import json
from typing import Any, Callable, Collection, Iterable, Mapping

import numpy as np

from slimfix.errors import ParityError, SlimfixError, UsageError, explain, reason
from slimfix.migration.build import random_state
from slimfix.parity.dataflow import Call, Dataflow, Tensor, calls_behind, takes_training
from slimfix.parity.float64_layers import in_float64


class Inference:
    """Performs operations as inference does."""

    def __init__(self, float64: bool):
        """Performs them as they are, or the float64 twin of each: every float32 in its
        configuration, its weights and its arguments is float64 there."""
        self.float64 = float64

    def __call__(self, operation: Any, call: Call) -> Callable[..., Any]:
        """Returns what does the work of an operation in a call."""
        if not self.float64:
            return operation
        return in_float64(copy_operation(operation, True, not call.rounds_numbers))


class Playback:
    """One run of a functional model, as far as it has been asked for."""

    def __init__(
        self,
        flow: Dataflow,
        inputs: Mapping[str, Any],
        wanted: Iterable[Tensor],
        perform: Inference | Training,
    ):
        """Starts a run.

        Args:
          flow: of a functional Keras model.
          inputs: value by Keras input name.
          wanted: the tensors that will be asked for, once each time they are in it.
          perform: how operations are performed.
        """
        import keras

        self._perform = perform
        ends = list(wanted)
        self._readers = collections.Counter(map(id, ends))
        for call in calls_behind(ends):
            self._readers.update(map(id, call.inputs))
        self._values: dict[int, Any] = {}
        for tensor in flow.inputs:
            dtype = widen(tensor.dtype) if perform.float64 else tensor.dtype
            try:
                value = keras.ops.convert_to_tensor(inputs[tensor.name], dtype=dtype)
            except (TypeError, ValueError) as error:
                raise ParityError(
                    explain(
                        f"The model does not take the network's inputs: '{tensor.name}' is of "
                        f"{tensor.dtype}; the network's of {inputs[tensor.name].dtype}",
                        [reason(error)],
                    )
                ) from error
            self._values[id(tensor)] = value

    def take(self, tensor: Tensor) -> np.ndarray:
        """Returns the value of a tensor, which is forgotten unless somebody reads it."""
        import keras

        return np.asarray(keras.ops.convert_to_numpy(self.compute(tensor)))

    def compute(self, tensor: Tensor) -> Any:
        """Returns the same as `take`, as the backend's tensor."""
        pending = [tensor]
        while pending:
            if id(pending[-1]) in self._values:
                pending.pop()
                continue
            call = pending[-1].call
            assert call is not None  # The values of inputs are known.
            missing = [each for each in call.inputs if id(each) not in self._values]
            if missing:
                pending.extend(missing)
            else:
                self._run(call)
        value = self._values[id(tensor)]
        self._release(tensor)
        return value

    def _run(self, call: Call) -> None:
        import keras

        # In float64 the numbers of a float32 operation are those that it computes with.
        single = self._perform.float64 and call.rounds_numbers

        def given(argument: Any) -> Any:
            if isinstance(argument, Tensor):
                return self._values[id(argument)]
            if isinstance(argument, float) and single:
                return float(np.float32(argument))
            return widen(argument) if self._perform.float64 else argument

        args, kwargs = call.filled(given)
        operation = call.operation
        if kwargs.get("training") and isinstance(
            self._perform, Inference
        ):  # It may move its statistics; the model stays as it is.
            operation = copy_operation(operation, float64=False)
        try:
            results = keras.tree.flatten(self._perform(operation, call)(*args, **kwargs))
        except SlimfixError:
            raise
        except Exception as error:  # Keras has many kinds for what an operation does not take.
            raise _cannot_run(call, error) from error
        self._values.update(zip(map(id, call.outputs), results))
        for tensor in call.inputs:
            self._release(tensor)

    def _release(self, tensor: Tensor) -> None:
        self._readers[id(tensor)] -= 1
        if self._readers[id(tensor)] <= 0:
            del self._values[id(tensor)]


def _cannot_run(call: Call, error: Exception) -> ParityError:
    shapes = ", ".join(f"{list(each.shape)} {each.dtype}" for each in call.inputs)
    return ParityError(
        explain(
            f"The model cannot run: '{call.name}' ({call.kind}) does not take "
            f"{shapes or 'its arguments'}",
            [reason(error)],
            cause="it is a model of another network, or its file was changed.",
            fix="name the model and the checkpoint that belong together.",
        )
    )


class Training:
    """Performs operations as training does, but that dropout drops nothing.

    Every layer with weights is performed by a copy, which keeps what training moves.

    Attributes:
      float64: perform float64 twins, as of `Inference`.
    """

    def __init__(self, float64: bool, in_inference: Collection[str]):
        """Starts with the weights that layers have when they are first performed.

        Args:
          float64: see above.
          in_inference: names of the layers that are in inference mode in training, too.
        """
        self.float64 = float64
        self._copies: dict[str, Any] = {}
        self._in_inference = in_inference

    def __call__(self, operation: Any, call: Call) -> Callable[..., Any]:
        """Returns what does the work of an operation in a call."""
        name = call.name
        copy = self._copies.get(name)
        if copy is None:
            copy = copy_operation(operation, self.float64, not call.rounds_numbers)
            self._copies[name] = copy
            _drop_nothing(getattr(copy, "layers", ()))
        perform = in_float64(copy) if self.float64 else copy
        if not takes_training(copy):
            return perform
        drops = random_state(copy) is not None
        training = not drops and name not in self._in_inference
        return lambda *args, **kwargs: perform(*args, **{**kwargs, "training": training})

    def copies(self) -> dict[str, Any]:
        """Returns the copies of what was performed so far, by the name of layer or operation."""
        return dict(self._copies)


def _drop_nothing(layers: Iterable[Any]) -> None:
    """Sets the rates of the dropouts in a nested model to 0: it hands `training` on to them."""
    for layer in layers:
        if random_state(layer) is not None:
            for name in ("rate", "stddev"):
                if hasattr(layer, name):
                    setattr(layer, name, 0.0)
        _drop_nothing(getattr(layer, "layers", ()))


def copy_operation(operation: Any, float64: bool, as_written: bool = False) -> Any:
    """Returns a layer or operation anew, with the same weights, in float64 if so asked.

    Made from the text that the `.keras` file holds of it. Initial values are not drawn: the
    weights replace them. In float64 the numbers of a float32 layer are those that it computes with:
    epsilon 0.001 is the float32 next to it; or, as written, that number itself.
    """

    try:
        return _copied(operation, float64, as_written)
    except (TypeError, ValueError) as error:
        raise UsageError(
            explain(
                f"Keras cannot copy layer '{operation.name}' ({type(operation).__name__})",
                [reason(error)],
                cause="it is a Lambda, or a class of your own that is not registered.",
                fix="register it with keras.saving.register_keras_serializable, with a get_config.",
            )
        ) from error


def _copied(operation: Any, float64: bool, as_written: bool) -> Any:
    import keras

    text = json.dumps(keras.saving.serialize_keras_object(operation))
    config = json.loads(text)
    if float64 and ('"float32"' in text or not isinstance(operation, keras.Layer)):
        config = json.loads(text.replace('"float32"', '"float64"'))
        config = config if as_written else _in_float32_numbers(config)
    weights = getattr(operation, "weights", [])
    if not weights:
        copy = keras.saving.deserialize_keras_object(config)
        for name in ("scale", "offset") if as_written else ():
            if isinstance(getattr(copy, name, None), float):
                setattr(copy, name, np.asarray(getattr(copy, name)))  # Keras makes floats float32.
        return copy
    for key in config["config"]:
        if key.endswith("_initializer"):
            config["config"][key] = "zeros"
    copy = keras.saving.deserialize_keras_object(config)
    for weight, value in zip(copy.weights, weights):
        weight.assign(value.value)
        _set_as_live(weight, value, operation)
    return copy


def _set_as_live(weight: Any, live: Any, layer: Any) -> None:
    """Gives the weight of a copy what was set on the live one itself, not by its layer."""
    if live.regularizer is not getattr(layer, f"{live.name}_regularizer", live.regularizer):
        weight.regularizer = live.regularizer
    if layer.trainable and weight.trainable and not live.trainable:
        weight.trainable = False


def _in_float32_numbers(config: Any, key: str = "") -> Any:
    """Returns a configuration with each number as float32 has it; of a momentum, 1 - momentum."""
    if isinstance(config, dict):
        return {name: _in_float32_numbers(value, name) for name, value in config.items()}
    if isinstance(config, list):
        return [_in_float32_numbers(value) for value in config]
    if not isinstance(config, float):
        return config
    return 1.0 - float(np.float32(1.0 - config)) if key == "momentum" else float(np.float32(config))


def widen(argument: Any) -> Any:
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
