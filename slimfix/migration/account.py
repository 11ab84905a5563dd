"""Accounts for every variable of a checkpoint: where it went, or why it was left out."""

from __future__ import annotations

import dataclasses

from slimfix import names
from slimfix.checkpoint import Checkpoint
from slimfix.migration.records import ModelPlan


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
    names.Role.MOVING_STATISTIC: "read in training only",
    names.Role.WEIGHT: "not read between the chosen inputs and outputs",
}


def account_for(checkpoint: Checkpoint, plan: ModelPlan) -> tuple[VariableFate, ...]:
    """Returns the fate of every variable of the checkpoint, in the checkpoint's order."""
    holders: dict[str, list[str]] = {name: [] for name in checkpoint.variables}
    for layer in plan.layers:
        for weight in layer.weights:
            path = f"{layer.name}/{weight.name}"
            if path not in holders[weight.variable]:
                holders[weight.variable].append(path)
    fates = []
    for name, spec in checkpoint.variables.items():
        role = names.role_of(name, checkpoint.variables)
        reason = "" if holders[name] else _REASONS[role]
        fates.append(
            VariableFate(name, spec.shape, spec.dtype, role.value, tuple(holders[name]), reason)
        )
    return tuple(fates)
