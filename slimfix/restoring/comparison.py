"""Compares a graph's variables with a checkpoint's index, and says what does not fit."""

from __future__ import annotations

from typing import Collection, Mapping, Sequence

from slimfix.errors import CheckpointMismatchError, explain
from slimfix.graphdef.stored import StoredVariable
from slimfix.names import Role
from slimfix.restoring import name_causes, network_causes
from slimfix.restoring.unmatched import Cause, Specs, Unmatched
from slimfix.scopes import format_near

_MOST_NEAR_NAMES = 20  # Looking for near names takes a while, and so many help nobody.

# The more a rule knows, the earlier it is asked.
_RULES = (
    name_causes.only_shadows,
    name_causes.built_twice,
    name_causes.other_scope,
    network_causes.no_statistics,
    network_causes.without_batch_norm,
    network_causes.with_batch_norm,
    network_causes.no_training_state,
    network_causes.other_classes,
    network_causes.other_dtype,
)


def find_unmatched(
    variables: Sequence[StoredVariable],
    keys: Mapping[str, str],
    specs: Specs,
    roles: Mapping[str, Role],
) -> list[Unmatched]:
    """Returns the variables that the checkpoint unmatched, or holds in another shape or dtype.

    Args:
      variables: of the graph.
      keys: from variable name to the name to look for in the checkpoint.
      specs: the checkpoint's variables.
      roles: of the variables, by name.
    """
    found = []
    for each in variables:
        spec = specs.get(keys[each.name])
        if spec is None or not each.can_hold(spec.shape, spec.dtype):
            found.append(Unmatched(each, keys[each.name], spec, roles[each.name]))
    return found


def mismatch_error(
    headline: str,
    unmatched: Sequence[Unmatched],
    specs: Specs,
    used: Collection[str],
    otherwise: str,
) -> CheckpointMismatchError:
    """Returns the error that lists what does not fit, with the likely causes.

    Args:
      headline: what failed and how many.
      unmatched: what does not fit; not empty.
      specs: the checkpoint's variables.
      used: keys of the checkpoint that other variables of the graph take.
      otherwise: what to do where no usual cause is known; no full stop at the end.
    """
    causes = find_causes(unmatched, specs, used)
    explained = frozenset().union(*(cause.explains for cause in causes))
    strange = [each for each in unmatched if each.key not in explained]
    suggest = {each.key for each in strange[:_MOST_NEAR_NAMES] if each.found is None}
    items = [
        str(each) + (format_near(each.key, specs) if each.key in suggest else "")
        for each in unmatched
    ]
    reasons = [cause.cause for cause in causes]
    fixes = [cause.fix for cause in causes]
    if strange:
        reasons.append("the checkpoint is of another network, or of another version of this one")
        fixes.append(otherwise)
    return CheckpointMismatchError(
        explain(headline, items, cause="; ".join(reasons) + ".", fix="; ".join(fixes) + ".")
    )


def find_causes(unmatched: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> list[Cause]:
    """Returns the likely causes, each for variables that none before it explains.

    Args:
      unmatched: the variables that are missing or of another shape or dtype.
      specs: the checkpoint's variables.
      used: keys of the checkpoint that other variables of the graph take.
    """
    found = []
    left = list(unmatched)
    for rule in _RULES:
        cause = rule(left, specs, used) if left else None
        if cause:
            found.append(cause)
            left = [each for each in left if each.key not in cause.explains]
    return found
