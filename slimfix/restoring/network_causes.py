"""Causes of a misfit that lie in the networks: graph and checkpoint are not built alike.

Each function returns the cause that it knows, or None; arguments as in `name_causes`.
"""

from __future__ import annotations

from typing import Collection, Sequence

from slimfix import names
from slimfix.errors import count
from slimfix.names import Role
from slimfix.restoring.unmatched import Cause, Specs, Unmatched, list_missing


def no_statistics(left: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> Cause | None:
    keys = [k for k in list_missing(left) if names.is_statistic_name(k)]
    if not keys or any(map(names.is_statistic_name, specs)):
        return None
    if not any(names.parent_scope(k) in _scopes(specs) for k in keys):
        return None  # The layers themselves are not in the checkpoint.
    return Cause(
        frozenset(keys),
        "the checkpoint was saved with Saver(tf.trainable_variables()): it holds the layers, but "
        "not one moving statistic",
        "save again with slimfix.build_saver() where the model was trained, or compute the "
        "statistics anew from data with `slimfix recalibrate`",
    )


def without_batch_norm(
    left: Sequence[Unmatched], specs: Specs, used: Collection[str]
) -> Cause | None:
    normalised = {
        names.parent_scope(names.parent_scope(key)) for key in specs if names.is_statistic_name(key)
    }
    keys = [
        k
        for k in list_missing(left)
        if names.last_part(k) in ("biases", "bias") and names.parent_scope(k) in normalised
    ]
    if not keys:
        return None
    return Cause(
        frozenset(keys),
        f"the graph was built without the arg_scope of the checkpoint: {count(len(keys), 'layer')} "
        "with biases in the graph, with batch norm in the checkpoint",
        "build the network under its arg_scope, with normalizer_fn=slim.batch_norm",
    )


def with_batch_norm(left: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> Cause | None:
    biased = {
        names.parent_scope(key) for key in specs if names.last_part(key) in ("biases", "bias")
    }
    missing = list_missing(left)
    scopes = {names.parent_scope(k) for k in missing if names.is_statistic_name(k)}
    scopes = {scope for scope in scopes if names.parent_scope(scope) in biased}
    keys = [k for k in missing if names.parent_scope(k) in scopes]
    if not keys:
        return None
    return Cause(
        frozenset(keys),
        f"the checkpoint's network was built without batch norm: {count(len(scopes), 'layer')} "
        "with batch norm in the graph, with biases in the checkpoint",
        "build the network without normalizer_fn, or choose the checkpoint of this network",
    )


def no_training_state(
    left: Sequence[Unmatched], specs: Specs, used: Collection[str]
) -> Cause | None:
    arguments = {
        Role.OPTIMIZER_SLOT: "optimizer_slots",
        Role.SHADOW: "shadows",
        Role.STEP: "step",
    }
    mine = [each for each in left if each.found is None and each.role in arguments]
    if not mine:
        return None
    roles = [role for role in arguments if any(each.role is role for each in mine)]
    return Cause(
        frozenset(each.key for each in mine),
        "the checkpoint does not hold the training state of this graph: it was saved for "
        "inference, or trained with another optimizer",
        f"restore with {', '.join(arguments[role] + '=False' for role in roles)}",
    )


def other_classes(left: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> Cause | None:
    other = [each for each in left if each.found and each.found.dtype == each.variable.dtype]
    scopes = {
        names.parent_scope(each.variable.name) or each.variable.name
        for each in other
        if each.role not in (Role.OPTIMIZER_SLOT, Role.SHADOW)
    }
    if not scopes:
        return None
    return Cause(
        frozenset(each.key for each in other),
        "the graph was built for another num_classes, or with another depth or kernel size",
        f"to train these layers anew, restore with exclude_scopes={sorted(scopes)}",
    )


def other_dtype(left: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> Cause | None:
    other = {
        each.key: each.found.dtype
        for each in left
        if each.found and each.found.dtype != each.variable.dtype
    }
    if not other:
        return None
    return Cause(
        frozenset(other),
        f"the checkpoint's network was built with {' and '.join(sorted(set(other.values())))} "
        "variables",
        "build the graph with the checkpoint's dtype; slimfix does not round values silently",
    )


def _scopes(keys: Collection[str]) -> set[str]:
    return {scope for key in keys for scope in names.scopes_of(key)}
