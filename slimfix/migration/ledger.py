"""The books of a migration: every variable has one fate and every weight one source."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any, Collection, Mapping, Sequence

from slimfix import names
from slimfix.errors import MigrationError, count, explain
from slimfix.migration.account import VariableFate
from slimfix.migration.build import random_states
from slimfix.migration.records import ModelPlan


@dataclasses.dataclass(frozen=True)
class WeightSource:
    """Where the values of one Keras weight come from.

    Attributes:
      weight: 'layer/weight'.
      shape: of the weight.
      dtype: name.
      variable: variable name in the checkpoint.
      permutation: order of the variable's axes in the weight; () where none were moved.
      reshaped: whether the values have another shape than the variable's permuted axes.
    """

    weight: str
    shape: tuple[int, ...]
    dtype: str
    variable: str
    permutation: tuple[int, ...]
    reshaped: bool


@dataclasses.dataclass(frozen=True)
class MigrationAccount:
    """Both sides of the books, checked against each other.

    Attributes:
      variables: the fate of every variable of the checkpoint.
      weights: the source of every weight of the model, in the model's order.
      counts: number of variables by fate; the sum is all of them.
    """

    variables: tuple[VariableFate, ...]
    weights: tuple[WeightSource, ...]
    counts: Mapping[str, int]


_FATES = {
    names.Role.OPTIMIZER_SLOT.value: "optimizer slot",
    names.Role.SHADOW.value: "shadow",
    names.Role.STEP.value: "step",
}
FATES = ("migrated", *_FATES.values(), "unused", "lost")


def fate_of(variable: VariableFate) -> str:
    """Returns one of `FATES`; 'lost' is a variable that was left out for no reason."""
    if variable.migrated:
        return "migrated"
    return _FATES.get(variable.role, "unused") if variable.reason else "lost"


def owner_of(variable: VariableFate, variables: Collection[str]) -> str:
    """Returns the variable that a slot or a shadow belongs to; '' for any other.

    Adam's 'beta1_power' belongs to no one variable; a shadow may be there without its variable.
    """
    if variable.role not in (names.Role.OPTIMIZER_SLOT.value, names.Role.SHADOW.value):
        return ""
    owner = names.parent_scope(variable.variable)
    is_shadow = variable.role == names.Role.SHADOW.value
    return owner if is_shadow or owner in variables else ""


def close_books(
    variables: Sequence[VariableFate], plan: ModelPlan, model: Any, in_checkpoint: Collection[str]
) -> MigrationAccount:
    """Returns the account of a migration whose counts close.

    Args:
      variables: the fates.
      plan: says which variable fills which weight.
      model: the Keras model.
      in_checkpoint: names of all variables of the checkpoint.
    Raises: MigrationError: a variable has no fate, or two; a weight has no source, or two; a
      variable fills a weight that is not there.
    """
    sources, wrong = _sources(variables, plan, model)
    wrong = [*_variables_wrong(variables, in_checkpoint), *wrong]
    if wrong:
        raise MigrationError(
            explain(
                f"The account of variables and weights does not close: {count(len(wrong), 'item')}",
                wrong,
                cause="a converter of slimfix forgot a weight, or made one up.",
                fix="report it, with the graph.",
            )
        )
    counts = Counter(fate_of(variable) for variable in variables)
    return MigrationAccount(tuple(variables), sources, {fate: counts[fate] for fate in FATES})


def _sources(
    variables: Sequence[VariableFate], plan: ModelPlan, model: Any
) -> tuple[tuple[WeightSource, ...], list[str]]:
    """Returns the source of each weight of the model, and what is wrong with them."""
    fillers: dict[str, list[VariableFate]] = {}
    for fate in variables:
        for weight in fate.weights:
            fillers.setdefault(weight, []).append(fate)
    records = {
        f"{layer.name}/{record.name}": record for layer in plan.layers for record in layer.weights
    }
    layers = {layer.name: layer for layer in model.layers}
    paths: dict[str, str] = {}  # What fates call a weight, by its path in Keras.
    for layer in plan.layers:
        for record in layer.weights:
            own = f"{layer.name}/{record.name}"
            made = getattr(layers.get(layer.name), record.name, None)
            paths[own if made is None else made.path] = own
    wrong, found = [], []
    skipped = random_states(model)
    for weight in model.weights:
        if weight.path in skipped:
            continue
        own = paths.pop(weight.path, "")
        sources = fillers.pop(own, [])
        if len(sources) != 1:
            told = ", ".join(f"'{fate.variable}'" for fate in sources) or "no variable"
            wrong.append(f"Keras '{weight.path}': filled by {told}")
            continue
        permutation = records[own].permutation
        moved = tuple(sources[0].shape[axis] for axis in permutation) or sources[0].shape
        shape = tuple(weight.shape)
        variable = sources[0].variable
        reshaped = moved != shape
        found.append(WeightSource(own, shape, str(weight.dtype), variable, permutation, reshaped))
    wrong += [f"Keras '{own}': planned, but not in the model" for own in paths.values()]
    wrong += [f"Keras '{own}': has a variable, but is not in the model" for own in fillers]
    return tuple(found), wrong


def _variables_wrong(
    variables: Sequence[VariableFate], in_checkpoint: Collection[str]
) -> list[str]:
    told = [fate.variable for fate in variables]
    wrong = [f"'{fate.variable}': no fate" for fate in variables if fate_of(fate) == "lost"]
    wrong += [f"'{name}': {number} fates" for name, number in Counter(told).items() if number > 1]
    wrong += [f"'{name}': no fate" for name in sorted(set(in_checkpoint) - set(told))]
    wrong += [f"'{name}': not in the checkpoint" for name in sorted(set(told) - set(in_checkpoint))]
    return wrong
