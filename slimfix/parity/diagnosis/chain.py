"""A few Keras calls in float64, from values that are known to one result; each can be replaced."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from slimfix.parity.dataflow import Call, Tensor
from slimfix.parity.float64_layers import in_float64
from slimfix.parity.keras_side import copy_operation, widen

Repair = Callable[..., Any]  # From the values of a step's inputs to its result.


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of a Keras layer or operation, to be tried out.

    Attributes:
      record: of the call.
    """

    record: Call

    @property
    def operation(self) -> Any:
        """The Keras layer or operation that is called."""
        return self.record.operation

    @property
    def name(self) -> str:
        """Name of the layer or operation."""
        return self.record.name

    @property
    def kind(self) -> str:
        """Class name, e.g. 'Conv2D', or 'Relu6' of keras.ops.relu6."""
        return self.record.kind

    @property
    def config(self) -> dict[str, Any]:
        """Settings of a layer; of an operation, what it keeps of its arguments."""
        return dict(self.operation.get_config())

    @property
    def training(self) -> bool:
        """Whether the call asks for training mode."""
        return bool(self.record.kwargs.get("training"))

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What it reads."""
        return self.record.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What it makes."""
        return self.record.outputs

    def call(self, *inputs: Any) -> Any:
        """Returns what the float64 twin makes of other inputs, called as the model calls it.

        Args:
          *inputs: values in place of those that it reads, in their order.
        """
        values = iter(inputs)
        single = any(tensor.dtype == "float32" for tensor in self.inputs)

        def given(argument: Any) -> Any:
            if isinstance(argument, Tensor):
                return next(values)
            if isinstance(argument, float) and single:  # What a float32 operation computes with.
                return float(np.float32(argument))
            return widen(argument)

        args, kwargs = self.record.filled(given)
        return in_float64(copy_operation(self.operation, float64=True))(*args, **kwargs)

    def weight(self, name: str) -> np.ndarray | None:
        """Returns float64, a weight by its name; None where the layer has none of it."""
        return weights_of(self.operation).get(name)


class Chain:
    """The calls between known tensors and one tensor of a functional model, in inference mode.

    Every step is the float64 twin of what the model has, run as the model calls it.
    """

    def __init__(self, steps: Sequence[Step], end: Tensor, known: Mapping[int, np.ndarray]):
        """Takes what is to run.

        Args:
          steps: in an order in which they can run; see `find_steps`.
          end: the symbolic tensor asked for.
          known: value by id of each symbolic tensor that no step makes.
        """
        self.steps = tuple(steps)
        self._end = end
        self._known = {key: _as_tensor(value) for key, value in known.items()}
        self._computed: dict[int, Any] = {}

    @property
    def known(self) -> frozenset[int]:
        """The ids of the symbolic tensors that no step makes."""
        return frozenset(self._known)

    def values_known(self) -> list[np.ndarray]:
        """Returns the values of the symbolic tensors that no step makes."""
        return [_as_array(value) for value in self._known.values()]

    def inputs(self, index: int) -> list[np.ndarray]:
        """Returns what a step is given, in the order of its input tensors."""
        values = self._unrepaired(index)
        return [_as_array(values[id(tensor)]) for tensor in self.steps[index].inputs]

    def run(
        self, repairs: Mapping[int, Repair] | None = None, known: Mapping[int, Any] | None = None
    ) -> np.ndarray:
        """Returns the result with some steps replaced.

        Args:
          repairs: by position of a step, what computes its one result from its inputs.
          known: other values for some of the known tensors, by id.
        """
        repairs, changed = repairs or {}, dict(known or {})
        first = min(repairs, default=0) if not changed else 0
        values = {**self._unrepaired(first), **{k: _as_tensor(v) for k, v in changed.items()}}
        for index in range(first, len(self.steps)):
            _run(self.steps[index], values, repairs.get(index))
        return _as_array(values[id(self._end)])

    def values(self) -> dict[int, np.ndarray]:
        """Returns every value by id of its symbolic tensor, known ones among them."""
        return {key: _as_array(v) for key, v in self._unrepaired(len(self.steps)).items()}

    def of_samples(self, number: int) -> Chain:
        """Returns the same on the first samples, where samples lie along the first axis."""
        return Chain(self.steps, self._end, {key: v[:number] for key, v in self._known.items()})

    def _unrepaired(self, index: int) -> dict[int, Any]:
        """Returns every value before a step, computed once."""
        for step in self.steps[:index]:
            if id(step.outputs[0]) not in self._computed:
                _run(step, self._computed_and_known(), None, self._computed)
        return self._computed_and_known()

    def _computed_and_known(self) -> dict[int, Any]:
        return {**self._known, **self._computed}


def find_steps(end: Tensor, known: Mapping[int, Any]) -> tuple[list[Step], list[Tensor]]:
    """Returns the steps that make a symbolic tensor, in an order in which they can run, and the
    known tensors that they read.

    Args:
      end: symbolic tensor.
      known: by id, the symbolic tensors at which the walk back stops; inputs of the model among
        them.
    """
    steps: list[Step] = []
    read: dict[int, Tensor] = {}
    done: set[int] = set()
    pending = [(end, False)]
    while pending:
        tensor, ready = pending.pop()
        if id(tensor) in known:
            read[id(tensor)] = tensor
            continue
        call = tensor.call
        assert call is not None  # Inputs are known.
        if ready:
            steps.append(Step(call))
        elif id(call) not in done:
            done.add(id(call))
            pending.append((tensor, True))
            pending += [(source, False) for source in reversed(call.inputs)]
    return steps, list(read.values())


def weights_of(operation: Any) -> dict[str, np.ndarray]:
    """Returns the weights of a layer by their names, floats as float64; {} of an operation."""
    return {
        weight.name: _wide(_as_array(weight.value)) for weight in getattr(operation, "weights", [])
    }


def repaired(
    operation: Any,
    config: Mapping[str, Any] | None = None,
    weights: Mapping[str, np.ndarray] | None = None,
) -> Repair:
    """Returns the float64 twin of a layer with other settings or weights, made when it is called.

    Args:
      operation: the layer; it stays as it is.
      config: what to change in its configuration.
      weights: values by name of the weight, in place of the layer's own, and of those that it gets
        by other settings.
    """
    return lambda *inputs: _rebuild(operation, config or {}, weights or {})(
        list(inputs) if len(inputs) > 1 else inputs[0]
    )


def _rebuild(
    operation: Any, config: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> Callable[[Any], Any]:
    import keras

    entry = keras.saving.serialize_keras_object(operation)
    entry["config"] = {**entry["config"], **config}
    twin = copy_operation(keras.saving.deserialize_keras_object(entry), float64=True)
    values = {**weights_of(operation), **weights}
    for weight in twin.weights:
        weight.assign(values[weight.name])
    return in_float64(twin)


def _run(
    step: Step, values: dict[int, Any], repair: Repair | None, into: dict[int, Any] | None = None
) -> None:
    import keras

    inputs = [values[id(tensor)] for tensor in step.inputs]
    made = step.call(*inputs) if repair is None else _as_tensor(repair(*inputs))
    results = zip(map(id, step.outputs), keras.tree.flatten(made))
    (values if into is None else into).update(results)


def _as_tensor(value: Any) -> Any:
    import keras

    return keras.ops.convert_to_tensor(value)


def _as_array(value: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(value))


def _wide(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float64) if np.issubdtype(value.dtype, np.floating) else value
