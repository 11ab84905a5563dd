"""Flags of what is trained and what is not."""

from __future__ import annotations

from typing import Any, Iterable

from absl import flags

from slimfix import names
from slimfix.flags.kinds import split_scopes
from slimfix.scopes import pick_by_scope

flags.disclaim_key_flags()


def define_fine_tuning_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --trainable_scopes."""
    flags.DEFINE_string(
        "trainable_scopes",
        None,
        "Scopes of the variables to train, between commas; all of them if not given. 'conv1' is no "
        "part of 'conv10'.",
        flag_values=flag_values,
    )


def variables_to_train(flag_values: flags.FlagValues = flags.FLAGS) -> list[Any]:
    """Returns the trainable variables of the default graph that --trainable_scopes names.

    Each of them once, in the order of the graph. slim's own scripts take a scope for the
    beginning of a name, and hand a variable in two scopes to the optimizer twice.

    Raises: UsageError: a scope holds no trainable variable.
    """
    import tensorflow.compat.v1 as tf

    variables = tf.trainable_variables()
    scopes = split_scopes(flag_values.trainable_scopes)
    if not scopes:
        return variables
    known = [variable.op.name for variable in variables]
    picked = pick_by_scope(known, scopes, "--trainable_scopes", "trainable variable")
    return [variable for variable in variables if variable.op.name in picked]


def untrained_scopes(
    scopes: Iterable[str], flag_values: flags.FlagValues = flags.FLAGS
) -> list[str]:
    """Returns those of the scopes in which --trainable_scopes trains nothing; [] if not given.

    Build their batch norm with is_training=False, or hand them to slimfix.freeze_batch_norm.
    """
    trained = split_scopes(flag_values.trainable_scopes)
    if not trained:
        return []
    return [scope for scope in scopes if not any(_meet(scope, each) for each in trained)]


def _meet(scope: str, other: str) -> bool:
    return names.in_scope(scope, other) or names.in_scope(other, scope)
