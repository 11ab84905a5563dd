"""What a functional Keras model computes, call by call, those of the models in it in their place.

The one module that reads Keras's record of calls, of which Keras shows little in public.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import Any, Collection, Iterator, Mapping, Sequence

from slimfix.errors import UsageError, explain
from slimfix.migration.build import Probe
from slimfix.parity.functional import as_functional


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A symbolic tensor.

    Attributes:
      shape: None for an unknown size.
      dtype: name.
      name: of an input of the model, else ''.
      call: what makes it; None for an input of the model.
    """

    shape: tuple[int | None, ...]
    dtype: str
    name: str = ""
    call: Call | None = None


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a Keras layer or operation.

    Attributes:
      operation: Keras layer or operation.
      name: of the operation, unique in the model.
      turn: how many calls of the operation there were before, in the order in which they were made.
      args, kwargs: as it is called, each symbolic tensor a `Tensor`.
      outputs: what it makes.
      as_written: whether its numbers are meant as they are written, in float64, and not as the
        float32 that is next to them: 1 / 127.5, for a division by 127.5.
    """

    operation: Any
    name: str
    turn: int
    args: Any
    kwargs: Any
    outputs: tuple[Tensor, ...] = ()
    as_written: bool = False

    @functools.cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that it reads, in the order of the arguments."""
        import keras

        leaves = keras.tree.flatten((self.args, self.kwargs))
        return tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))

    @property
    def rounds_numbers(self) -> bool:
        """Whether its numbers are those that float32 has: it takes or makes float32, and they are
        not meant as they are written."""
        dtypes = [each.dtype for each in (*self.inputs, *self.outputs)]
        return "float32" in dtypes and not self.as_written

    @property
    def kind(self) -> str:
        """Class name, e.g. 'Conv2D', or 'Relu6' of keras.ops.relu6."""
        return type(self.operation).__name__

    def filled(self, fill: Any) -> tuple[Any, Any]:
        """Returns args and kwargs with `fill(each)` in the place of each argument."""
        import keras

        args, kwargs = keras.tree.map_structure(fill, (self.args, self.kwargs))
        return args, kwargs


@dataclasses.dataclass(frozen=True)
class Dataflow:
    """A functional model as calls.

    Attributes:
      inputs: in the model's order.
      outputs: likewise.
      calls: in an order in which they can run.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    calls: tuple[Call, ...]

    @functools.cached_property
    def operations(self) -> dict[str, Any]:
        """The layers and operations that are called, by their names here."""
        return {call.name: call.operation for call in self.calls}

    @functools.cached_property
    def layers(self) -> dict[str, Any]:
        """Those of them that are layers."""
        import keras

        return {n: each for n, each in self.operations.items() if isinstance(each, keras.Layer)}

    def find_tensors(
        self, probes: Sequence[Probe], called: Mapping[str, str] | None = None
    ) -> dict[str, Tensor]:
        """Returns where tensors of the original graph are, by their names in it.

        A probe whose operation, call or output the model lacks is left out.

        Args:
          probes: where the tensors are planned.
          called: the model's own name of a planned operation, by the planned one.
        """
        made = {(call.name, call.turn): call.outputs for call in self.calls}
        found = {}
        for probe in probes:
            name = (called or {}).get(probe.operation, probe.operation)
            outputs = made.get((name, probe.call), ())
            if probe.index < len(outputs):
                found[probe.tensor] = outputs[probe.index]
        return found


def takes_training(operation: Any) -> bool:
    """Tells whether a layer does in training something else than in inference."""
    return "training" in inspect.signature(operation.call).parameters


def calls_behind(tensors: Sequence[Tensor]) -> Iterator[Call]:
    """Yields the calls that tensors come from, each once."""
    seen = set()
    pending = list(tensors)
    while pending:
        call = pending.pop().call
        if call is not None and id(call) not in seen:
            seen.add(id(call))
            yield call
            pending.extend(call.inputs)


def read_dataflow(model: Any, taken: Collection[str] = ()) -> Dataflow:
    """Returns what a model computes.

    Args:
      model: keras.Model.
      taken: names that no operation is to be called by; one that is gets another.
    Raises: UsageError: it is no functional or Sequential model, or was not built yet.
    """
    functional = as_functional(model)
    if functional is None:
        raise UsageError(
            explain(
                f"The model is a {type(model).__name__}; want a functional keras.Model",
                cause="it was not built, or is a subclass that has its own in place of a method of "
                "Keras's: call, predict_step, losses, ...",
                fix="build it from keras.Input with the functional API.",
            )
        )
    inputs = [Tensor(tuple(t.shape), t.dtype, t.name) for t in functional.inputs]
    reader = _Reader(taken)
    outputs = reader.read(functional, inputs, "", None)
    calls = _in_turns(reader.calls)
    return Dataflow(tuple(inputs), tuple(outputs), calls)


class _Reader:
    """Reads the calls of a model and of those in it.

    Attributes:
      calls: so far, each with the place of its record among those of its operation.
    """

    def __init__(self, taken: Collection[str]) -> None:
        self.calls: list[tuple[Call, int]] = []
        self._names: dict[int, str] = {}
        self._taken = set(taken)

    def read(
        self, model: Any, given: Sequence[Tensor], scope: str, training: bool | None
    ) -> list[Tensor]:
        """Reads the calls of a functional model.

        Args:
          model: keras.Model.
          given: what it is called on.
          scope: where it lies, 'backbone/'; '' for the outermost.
          training: as it is called with.
        Returns: its outputs.
        """
        import keras

        values = {id(symbolic): tensor for symbolic, tensor in zip(model.inputs, given)}
        by_depth = model._nodes_by_depth
        for node in (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]):
            if node.is_input or any(id(each) not in values for each in node.input_tensors):
                continue

            def taken(argument: Any) -> Any:
                is_tensor = isinstance(argument, keras.KerasTensor)
                return values[id(argument)] if is_tensor else argument

            arguments = (node.arguments.args, node.arguments.kwargs)
            args, kwargs = keras.tree.map_structure(taken, arguments)
            if training is not None and takes_training(node.operation):
                kwargs["training"] = training
            inner = self._inner(node, args, kwargs, scope)
            outputs = self._call(node, args, kwargs, scope) if inner is None else inner
            values.update(zip(map(id, node.output_tensors), outputs))
        return [values[id(each)] for each in model.outputs]

    def _call(self, node: Any, args: Any, kwargs: Any, scope: str) -> list[Tensor]:
        call = Call(node.operation, self._name(node.operation, scope), 0, args, kwargs)
        call.outputs = tuple(Tensor(tuple(t.shape), t.dtype, "", call) for t in node.outputs)
        self.calls.append((call, node.operation._inbound_nodes.index(node)))
        return [*call.outputs]

    def _inner(self, node: Any, args: Any, kwargs: Any, scope: str) -> list[Tensor] | None:
        """Returns what a model gives that is called in a model; None where it is to stay whole."""
        import keras

        model = as_functional(node.operation)
        if model is None:
            return None
        given = keras.tree.flatten(args)
        plain = all(value is None for key, value in kwargs.items() if key != "training")
        alike = len(given) == len(model.inputs) and all(
            isinstance(tensor, Tensor)
            and tensor.dtype == wanted.dtype
            and len(tensor.shape) == len(wanted.shape)
            for tensor, wanted in zip(given, model.inputs)
        )
        if not plain or not alike:  # Keras casts, or adds an axis.
            return None
        inside = f"{scope}{node.operation.name}/"
        return self.read(model, given, inside, kwargs.get("training"))

    def _name(self, operation: Any, scope: str) -> str:
        """Returns its own name, with that of the models that it is in where another has it."""
        if id(operation) not in self._names:
            name = operation.name
            if name in self._taken:
                name = scope + name
            while name in self._taken:
                name += "_"
            self._names[id(operation)] = name
            self._taken.add(name)
        return self._names[id(operation)]


def _in_turns(calls: Sequence[tuple[Call, int]]) -> tuple[Call, ...]:
    """Returns the calls, each with its turn: Keras may run them in another order."""
    places: dict[int, list[tuple[int, int]]] = {}
    for index, (call, place) in enumerate(calls):
        places.setdefault(id(call.operation), []).append((place, index))
    for each in places.values():
        for turn, (_, index) in enumerate(sorted(each)):
            calls[index][0].turn = turn
    return tuple(call for call, _ in calls)
