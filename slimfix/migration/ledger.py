"""The books of a migration: every variable has one fate, every weight one source, and both agree."""

from __future__ import annotations

import dataclasses
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
    Raises: MigrationError: a variable has no fate, or two; a weight has no source, or one that the
      variable's fate does not know.
    """
    sources = _sources(plan, model)
    by_weight = {source.weight: source for source in sources}
    wrong = _variables_wrong(variables, in_checkpoint)
    paths = [w.path for w in model.weights if w.path not in random_states(model)]
    wrong += [f"Keras '{path}': no variable fills it" for path in paths if path not in by_weight]
    wrong += [f"Keras '{path}': not in the model" for path in by_weight if path not in paths]
    told = {(fate.variable, weight) for fate in variables for weight in fate.weights}
    filled = {(source.variable, source.weight) for source in sources}
    wrong += [f"'{v}' fills Keras '{w}' by its fate alone" for v, w in sorted(told - filled)]
    wrong += [f"'{v}' fills Keras '{w}' by the plan alone" for v, w in sorted(filled - told)]
    if wrong:
        raise MigrationError(
            explain(
                f"The account of variables and weights does not close in {count(len(wrong), 'item')}",
                wrong,
                cause="a converter of slimfix forgot, or made up, a weight.",
                fix="report it, with the graph.",
            )
        )
    counts = {fate: 0 for fate in FATES}
    for variable in variables:
        counts[fate_of(variable)] += 1
    ordered = sorted(sources, key=lambda source: paths.index(source.weight))
    return MigrationAccount(tuple(variables), tuple(ordered), counts)


def _sources(plan: ModelPlan, model: Any) -> list[WeightSource]:
    found: dict[str, WeightSource] = {}
    for layer in plan.layers:
        for record in layer.weights:
            weight = getattr(model.get_layer(layer.name), record.name)
            found[weight.path] = WeightSource(
                weight=weight.path,
                shape=tuple(weight.shape),
                dtype=str(weight.dtype),
                variable=record.variable,
                permutation=record.permutation,
                reshaped=len(record.permutation or record.shape) != len(record.shape),
            )
    return list(found.values())


def _variables_wrong(
    variables: Sequence[VariableFate], in_checkpoint: Collection[str]
) -> list[str]:
    told = [fate.variable for fate in variables]
    wrong = [f"'{fate.variable}': no fate" for fate in variables if fate_of(fate) == "lost"]
    wrong += [f"'{name}': two fates" for name in sorted({n for n in told if told.count(n) > 1})]
    wrong += [f"'{name}': no fate" for name in sorted(set(in_checkpoint) - set(told))]
    wrong += [f"'{name}': not in the checkpoint" for name in sorted(set(told) - set(in_checkpoint))]
    return wrong
