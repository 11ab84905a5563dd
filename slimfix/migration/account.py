"""Accounts for every variable of a checkpoint: where it went, or why it was left out."""

from __future__ import annotations

import dataclasses
from typing import Sequence

from slimfix import names
from slimfix.errors import MigrationError, count, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.migration.function import Function
from slimfix.migration.records import ModelPlan
from slimfix.migration.registry import list_users_converters
from slimfix.network.weights import Weights


@dataclasses.dataclass(frozen=True)
class VariableFate:
    """What became of one checkpoint variable.

    Attributes:
      variable: variable name.
      shape: in the checkpoint.
      dtype: name.
      role: value of `names.Role`.
      weights: the Keras weights that hold it now, as 'layer/weight'; () if it was left out.
      reason: why it was left out; '' if it was migrated.
    """

    variable: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    weights: tuple[str, ...]
    reason: str

    @property
    def migrated(self) -> bool:
        """True if some Keras weight holds the variable's values."""
        return bool(self.weights)


_REASONS = {
    names.Role.OPTIMIZER_SLOT: "optimizer state; a Keras optimizer starts anew",
    names.Role.SHADOW: "moving-average shadow; the raw value was migrated",
    names.Role.STEP: "training step counter",
}
_UNREAD_SHADOW = "moving-average shadow of a variable that was not migrated either"
_RAW = "raw value; its moving-average shadow was migrated"
_TRAINING_ONLY = "read in training only"
_NOT_READ = "not read between the chosen inputs and outputs"


def account_for(
    weights: Weights,
    plan: ModelPlan,
    function: Function,
    layers: Sequence[BatchNormLayer],
) -> tuple[VariableFate, ...]:
    """Returns the fate of every variable of the checkpoint, in the checkpoint's order.

    Args:
      weights: what was saved, and which value of it each variable got.
      plan: says which weight holds which variable.
      function: says which variables the network reads.
      layers: its batch-norm layers, for the statistics that only training reads.
    Raises: MigrationError: the network reads a variable that no weight holds.
    """
    variables = weights.checkpoint.variables
    holders: dict[str, list[str]] = {name: [] for name in variables}
    for layer in plan.layers:
        for weight in layer.weights:
            path = f"{layer.name}/{weight.name}"
            stored = weights.stored_name(weight.variable)
            if path not in holders[stored]:
                holders[stored].append(path)
    read = {weights.stored_name(name) for name in function.variables.values()}
    lost = sorted(name for name in read if not holders[name])
    if lost:
        raise _lost_error(lost)
    extras = {name for layer in layers for name in layer.extras if name in weights}
    training_only = {weights.stored_name(name) for name in extras}
    migrated = [name for name in variables if holders[name]]
    shadowed = {names.shadowed_variable(name, variables) for name in migrated}
    fates = []
    for name, spec in variables.items():
        role = names.role_of(name, variables)
        reason = _REASONS.get(role, _TRAINING_ONLY if name in training_only else _NOT_READ)
        owner = names.shadowed_variable(name, variables)
        if role is names.Role.SHADOW and not holders.get(owner or ""):
            reason = _UNREAD_SHADOW
        if name in shadowed:
            reason = _RAW
        if holders[name]:
            reason = ""
        fates.append(
            VariableFate(name, spec.shape, spec.dtype, role.value, tuple(holders[name]), reason)
        )
    return tuple(fates)


def _lost_error(lost: Sequence[str]) -> MigrationError:
    users = [f"'{name}'" for name in list_users_converters()]
    cause, fix = "a converter of slimfix forgot them.", "report it, with the graph."
    if users:
        cause = f"a converter of yours forgot them: {' or '.join(users)}."
        fix = "hand their weights to planner.layer() (docs/converters.md)."
    headline = f"{count(len(lost), 'variable')} that the network reads would be lost"
    return MigrationError(explain(headline, [f"'{name}'" for name in lost], cause, fix))
