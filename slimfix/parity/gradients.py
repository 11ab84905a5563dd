"""Level L3: the gradient of every trainable weight and every input, in training mode."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.parity import compare
from slimfix.parity.layout import as_variable, whole
from slimfix.parity.matching import Held
from slimfix.parity.replica import Replica
from slimfix.parity.rows import LayerParity
from slimfix.parity.setup import Setup
from slimfix.parity.unproved import check_gradients
from slimfix.parity.verdicts import Verdict

_Arrays = Mapping[str, np.ndarray]
_CANCELLED = "its terms cancel out, and zero but for rounding is left: measured against the terms"


def compare_gradients(
    setup: Setup, inputs: _Arrays, cotangents: Sequence[np.ndarray], recorded: _Arrays
) -> list[LayerParity]:
    """Returns a row for each gradient of sum(output * cotangent). Dropout drops nothing.

    Args:
      setup: both networks.
      inputs: value by tensor name.
      cotangents: one for each floating-point output of the original.
      recorded: by name of variable or input, taken as the float32 original.
    Raises: UsageError: all gradients are zero.
    """
    exact, rerun, in_inference = _of_the_original(setup, inputs, cotangents)
    check_gradients(exact, rerun, inputs)
    given, turned = setup.for_keras(inputs), setup.outputs_for_keras(cotangents)
    held_by = {
        variable: held
        for variable, held in setup.held_by().items()
        if whole(exact, variable, setup.migration.read(variable).shape) is not None
    }
    weights = [held for group in held_by.values() for held in group]
    sides = []
    for float64 in (False, True):
        replica = Replica(setup.flow, float64, in_inference)
        of_weights, of_inputs = replica.gradients(given, turned, weights)
        by_weight = dict(zip((id(held.weight) for held in weights), of_weights))
        sides.append((by_weight, of_inputs))
    rows: list[LayerParity] = []
    for variable, group in held_by.items():
        shape = setup.migration.read(variable).shape
        keras = [_total(group, by_weight, shape) for by_weight, _ in sides]
        original = [_whole(side, variable, shape) for side in (exact, rerun)]
        labels = _Labels(
            group[0].layer, names.parent_scope(variable), group[0].record.name, variable
        )
        values = _Values(keras, original, whole(recorded, variable, shape))
        rows.append(_compare(labels, values))
    rows += _find_untrained(setup, exact)
    permutations = setup.migration.function.permutations
    for tensor, name in zip(_input_tensors(setup), given):
        if tensor in exact:
            order = permutations.get(tensor)
            keras = [_turned_back(of_inputs[name], order) for _, of_inputs in sides]
            labels = _Labels(name, names.split_tensor_name(tensor)[0], "input", tensor)
            values = _Values(keras, [exact[tensor], rerun[tensor]], recorded.get(tensor))
            rows.append(_compare(labels, values))
    return rows


def _find_untrained(setup: Setup, exact: _Arrays) -> list[LayerParity]:
    """Returns a row for each weight that only one side trains.

    Where that was planned, for Keras trains or freezes a layer as a whole, the plan's notes say so.
    """
    planned = {layer.name: layer for layer in setup.migration.plan.layers}
    rows = []
    for variable, group in setup.held_by().items():
        shape = setup.migration.read(variable).shape
        trained = whole(exact, variable, shape) is not None
        here = any(held.weight.trainable for held in group)
        if names.is_statistic_name(variable) or trained == here:
            continue
        layer = planned.get(group[0].layer)
        as_planned = layer is not None and layer.config.get("trainable", True) == here
        notes = [note for note in layer.notes if "does not train" in note] if layer else []
        explained = as_planned and bool(notes)
        rows.append(
            LayerParity(
                layer=group[0].layer,
                scope=names.parent_scope(variable),
                kind=group[0].record.name,
                tensor=variable,
                shape=shape,
                scale=0.0,
                function_error=0.0 if explained else float("inf"),
                original_error=0.0,
                keras_error=0.0,
                verdict=Verdict.EXPLAINED if explained else Verdict.DIFFERENT,
                cause=notes[0]
                if explained
                else f"trained in {'Keras' if here else 'the original'} alone",
            )
        )
    return rows


@dataclasses.dataclass(frozen=True)
class _Labels:
    """What a gradient is of; see LayerParity."""

    layer: str
    scope: str
    kind: str
    tensor: str


@dataclasses.dataclass(frozen=True)
class _Values:
    """One gradient as each side has it.

    Attributes:
      keras: in float32 and in float64.
      original: in float64, and in float32 as run now.
      recorded: the float32 original as recorded, if it was.
    """

    keras: Sequence[np.ndarray]
    original: Sequence[np.ndarray]
    recorded: np.ndarray | None


def _compare(labels: _Labels, values: _Values) -> LayerParity:
    """Returns the row of a gradient."""
    (keras_single, keras_double), (exact, rerun) = values.keras, values.original
    terms = compare.cancelled_terms(exact, rerun)
    ruler = compare.Ruler(exact, terms)
    own = ruler.measure(rerun)
    taken, original = rerun, own
    if values.recorded is not None:
        taken, original = values.recorded, ruler.measure(values.recorded)
    single, double = ruler.measure(keras_single), ruler.measure(keras_double)
    allowed = max(original.relative, own.relative)
    equal_bits = compare.equal_bits(keras_single, taken)
    return LayerParity(
        **dataclasses.asdict(labels),
        shape=exact.shape,
        scale=ruler.largest,
        function_error=double.relative,
        original_error=original.relative,
        keras_error=single.relative,
        verdict=compare.judge(double.relative, allowed, single.relative, equal_bits),
        original_ulps=original.ulps,
        keras_ulps=single.ulps,
        silent=ruler.silent,
        cause=_CANCELLED if terms else "",
    )


def _of_the_original(
    setup: Setup, inputs: _Arrays, cotangents: Sequence[np.ndarray]
) -> tuple[_Arrays, _Arrays, frozenset[str]]:
    found = []
    for float64 in (True, False):
        graph = setup.training_graph(inputs, float64)
        with graph.open() as run:
            found.append(run.gradients(inputs, cotangents))
    return found[0], found[1], setup.in_inference(graph)


def _total(
    group: Sequence[Held], by_weight: Mapping[int, np.ndarray], shape: Sequence[int]
) -> np.ndarray:
    """Returns the gradient of a variable: the sum over the weights that hold it."""
    parts = [as_variable(held.record, by_weight[id(held.weight)], shape) for held in group]
    return np.sum(parts, axis=0) if len(parts) > 1 else parts[0]


def _whole(values: _Arrays, variable: str, shape: Sequence[int]) -> np.ndarray:
    found = whole(values, variable, shape)
    return np.zeros(shape) if found is None else found


def _input_tensors(setup: Setup) -> list[str]:
    return [record.tensor for record in setup.migration.plan.inputs]


def _turned_back(value: np.ndarray, permutation: Sequence[int] | None) -> np.ndarray:
    return value if permutation is None else np.transpose(value, np.argsort(permutation))
