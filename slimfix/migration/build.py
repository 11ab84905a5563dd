"""Turns a model plan into a live Keras 3 model and fills its weights: the one place that does."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Callable, Mapping

import numpy as np

import slimfix
from slimfix.errors import CheckpointMismatchError, MigrationError, explain
from slimfix.migration.records import LayerRecord, ModelPlan


@dataclasses.dataclass(frozen=True)
class Probe:
    """Where a tensor of the original graph appears in the Keras model.

    Attributes:
      tensor: tensor name in the graph.
      operation: name of the Keras layer or operation.
      call: how many times it was called before, in the order of the model; 0 unless it is shared.
      index: which of the operation's outputs it is.
      scope: slim scope.
      kind: class name of the Keras layer, or name of the operation.
    """

    tensor: str
    operation: str
    call: int
    index: int
    scope: str
    kind: str


def find_probes(plan: ModelPlan) -> tuple[Probe, ...]:
    """Returns where the tensors of the graph appear in the model of a plan, in data-flow order."""
    calls: dict[str, int] = {}
    probes: list[Probe] = []
    for record in plan.layers:
        call = calls[record.name] = calls.get(record.name, -1) + 1
        kind = record.target.rpartition(".")[2]
        probes += [
            Probe(tensor, record.name, call, index, record.scope, kind)
            for index, tensor in enumerate(record.outputs)
            if not record.is_step
        ]
    return tuple(probes)


def build_model(plan: ModelPlan, name: str) -> Any:
    """Returns the Keras model, with Keras's initial weights.

    Args:
      plan: the layers.
      name: of the Keras model.
    """
    import keras

    tensors: dict[str, Any] = {
        record.tensor: keras.Input(record.shape[1:], dtype=record.dtype, name=record.name)
        for record in plan.inputs
    }
    inputs = [tensors[record.tensor] for record in plan.inputs]
    layers: dict[str, Any] = {}
    for record in plan.layers:
        operation = layers.get(record.name)
        if operation is None:
            operation = layers[record.name] = make_operation(record)
        sources = [tensors[tensor] for tensor in record.inputs]
        made = _called(operation, sources, record)
        results = made if isinstance(made, (list, tuple)) else [made]
        if len(results) != len(record.outputs):
            fault = f"'{record.target}' gives {len(results)} tensors, {len(record.outputs)} planned"
            raise _of_a_converter(record, fault + " (output_count)")
        tensors.update(zip(record.outputs, results))
        _name_as_planned(results[0], record)
    outputs = [tensors[tensor] for tensor in plan.outputs]
    single_input = inputs[0] if len(inputs) == 1 else inputs
    single_output = outputs[0] if len(outputs) == 1 else outputs
    return keras.Model(single_input, single_output, name=name)


def _called(operation: Callable[..., Any], sources: list[Any], record: LayerRecord) -> Any:
    """Returns what a layer makes; Keras's own words where it refuses the shapes."""
    try:
        return operation(sources) if record.takes_list else operation(*sources)
    except (TypeError, ValueError) as error:
        shapes = ", ".join(str(tuple(source.shape)) for source in sources)
        raise MigrationError(
            explain(
                f"Keras cannot build '{record.scope}' ({record.target}) on {shapes}",
                [str(error).strip().splitlines()[0]],
                cause="Keras has to know a size that the graph leaves open (None), such as the "
                "number of channels, or its layer cannot be shared by tensors of such ranks.",
                fix="save the graph with that size in the shape of its placeholder, or choose "
                "--inputs and --outputs that leave this layer out.",
            )
        ) from error


def _name_as_planned(tensor: Any, record: LayerRecord) -> None:
    """Gives an operation the name of its record, as a layer has it.

    Keras counts the names of operations through the whole process, and may well count to one
    that the graph uses.
    """
    if record.target.startswith("ops."):
        tensor._keras_history.operation.name = record.name


def _of_a_converter(record: LayerRecord, fault: str) -> MigrationError:
    return MigrationError(
        explain(
            f"Cannot build layer '{record.name}' of scope '{record.scope}': {fault}",
            cause="a converter planned it wrong: yours if op_converters has it, else slimfix's.",
        )
    )


def make_operation(record: LayerRecord) -> Callable[..., Any]:
    """Returns a Keras layer, or a Keras operation whose free parameters are its tensors."""
    import keras

    room, _, name = record.target.partition(".")
    target = getattr(slimfix if room == "slimfix" else getattr(keras, room, None), name, None)
    if target is None:
        raise _of_a_converter(record, f"Keras has no '{record.target}'")
    config = {key: value for key, value in record.config.items() if value is not None}
    if room != "ops":
        return target(**config, name=record.name, dtype=record.dtype)
    free = [
        parameter for parameter in inspect.signature(target).parameters if parameter not in config
    ]
    return lambda *tensors: target(**dict(zip(free, tensors)), **config)


def load_weights(model: Any, plan: ModelPlan, read: Callable[[str], np.ndarray]) -> None:
    """Fills every weight of the model.

    Args:
      model: as `build_model` gave it.
      plan: the same plan.
      read: gives the value of a variable by its name.
    Raises: CheckpointMismatchError: a weight of the model has another shape than its variable, or
      no variable at all; nothing was loaded then.
    """
    values: dict[str, tuple[Any, np.ndarray]] = {}
    wrong: list[str] = []
    layers = layers_by_name(model)
    for record in plan.layers:
        for weight in record.weights:
            target = getattr(layers[record.name], weight.name)
            value = weight.arrange(read(weight.variable))
            if value.shape != tuple(target.shape):
                wrong.append(
                    f"'{weight.variable}': checkpoint {list(value.shape)}; "
                    f"Keras '{record.name}/{weight.name}' {list(target.shape)}"
                )
            else:
                values[target.path] = (target, value)
    wrong += [f"Keras '{w.path}': no variable fills it" for w in _unfilled(model, values)]
    if wrong:
        raise CheckpointMismatchError(
            explain(f"Cannot fill {len(wrong)} weights of the Keras model", wrong)
        )
    for target, value in values.values():
        target.assign(value)


def _unfilled(model: Any, values: Mapping[str, Any]) -> list[Any]:
    known = {*values, *random_states(model)}
    return [weight for weight in model.weights if weight.path not in known]


def layers_by_name(model: Any) -> dict[str, Any]:
    """Returns the layers of a model by their names; its own `get_layer` searches them all."""
    return {layer.name: layer for layer in model.layers}


def random_state(layer: Any) -> Any:
    """Returns the variable that holds the state of a layer's random generator, None without one."""
    generator = getattr(layer, "seed_generator", None)
    return None if generator is None else generator.state


def random_states(model: Any) -> set[str]:
    """Returns the paths of the variables that hold random generators' states: no weights."""
    states = map(random_state, model.layers)
    return {state.path for state in states if state is not None}
