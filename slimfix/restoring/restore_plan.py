"""Decides which value of a checkpoint each variable of a graph gets; touches nothing."""

from __future__ import annotations

import dataclasses
import re
from typing import Mapping, Sequence

from slimfix import names
from slimfix.checkpoint import VariableSpec
from slimfix.errors import CheckpointMismatchError, UsageError, explain
from slimfix.names import Role

RAW, SHADOW = "raw", "shadow"


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where each variable's value comes from.

    Attributes:
      keys: from variable name to checkpoint name.
      raw: names of the variables that have no shadow in the checkpoint, where shadows were asked
        for: their own value is taken.
    """

    keys: Mapping[str, str]
    raw: tuple[str, ...]


def rename_keys(
    variables: Sequence[str], rules: Mapping[str, str] | Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Returns the checkpoint's name for each variable of the graph.

    Args:
      variables: names in the graph.
      rules: pairs of a regular expression and its replacement. `re.sub` applies each, in order, to
        what the one before made of the graph's name.
    Raises: UsageError: a rule is no regular expression or changes no name, or two variables
      come out with one name.
    """
    keys = {each: each for each in variables}
    idle = []
    pairs = list(rules.items()) if isinstance(rules, Mapping) else list(rules)
    if any(isinstance(pair, str) or len(pair) != 2 for pair in pairs):
        raise UsageError(
            explain(
                "rename is no list of pairs",
                cause="one pair was given in place of a list of pairs.",
                fix="write rename=[('^net/', 'model/net/')].",
            )
        )
    for pattern, replacement in pairs:
        try:
            changed = {each: re.sub(pattern, replacement, key) for each, key in keys.items()}
        except re.error as error:
            raise UsageError(
                explain(
                    f"rename holds '{pattern}' -> '{replacement}', which is no regular expression "
                    f"with its replacement: {error}",
                    fix="escape what is meant as it stands, with re.escape().",
                )
            ) from error
        if changed == keys:
            idle.append(f"'{pattern}' -> '{replacement}'")
        keys = changed
    if idle:
        raise UsageError(
            explain(
                f"{len(idle)} of {len(pairs)} rules of rename change no name",
                idle,
                cause="a rule is applied to the name in the graph and gives the name in the "
                "checkpoint; these may be the wrong way round.",
                fix="write the pattern for the graph's names, or leave the rule out.",
            )
        )
    _refuse_doubles(keys)
    return keys


def _refuse_doubles(keys: Mapping[str, str]) -> None:
    takers: dict[str, list[str]] = {}
    for variable, key in keys.items():
        takers.setdefault(key, []).append(variable)
    doubles = {key: found for key, found in takers.items() if len(found) > 1}
    if doubles:
        raise UsageError(
            explain(
                f"{len(doubles)} names of the checkpoint would go to several variables each",
                [f"'{key}': {', '.join(map(repr, found))}" for key, found in doubles.items()],
                cause="a rule of rename is too wide.",
                fix="narrow the rule; where several copies are meant, restore each with a call of "
                "its own and its own var_list.",
            )
        )


def choose_sources(
    keys: Mapping[str, str],
    specs: Mapping[str, VariableSpec],
    graph_names: frozenset[str],
    roles: Mapping[str, Role],
    values: str | None,
    prefix: str,
) -> Sources:
    """Decides between raw values and shadows.

    A graph with shadow variables of its own resumes training: each variable, shadow or not, gets
    its own value, and there is nothing to choose. Otherwise a checkpoint that holds a variable and
    its shadow as well holds two models.

    Args:
      keys: from variable name to the checkpoint's name for its raw value.
      specs: the checkpoint's variables.
      graph_names: names of all variables of the graph.
      roles: of the variables.
      values: 'raw', 'shadow', or None where the caller did not say.
      prefix: of the checkpoint, for errors.
    Raises:
      UsageError: values is something else.
      CheckpointMismatchError: the caller did not say and has to, or wants shadows where there
        are none.
    """
    if values not in (None, RAW, SHADOW):
        raise UsageError(
            explain(
                f"values is {values!r}",
                fix="say values='raw' for the variables as trained, values='shadow' for their "
                "exponential moving averages.",
            )
        )
    candidates = [each for each in keys if roles[each] in (Role.WEIGHT, Role.MOVING_STATISTIC)]
    shadowed = [each for each in candidates if names.shadow_name(keys[each]) in specs]
    if values == SHADOW:
        if not shadowed:
            raise _no_shadow_error(prefix, len(candidates), specs)
        shadows = {each: names.shadow_name(keys[each]) for each in shadowed}
        raw = tuple(each for each in candidates if each not in shadows)
        return Sources({**keys, **shadows}, raw)
    two = [
        each
        for each in shadowed
        if keys[each] in specs and names.shadow_name(each) not in graph_names
    ]
    if two and values is None:
        raise _two_models_error(prefix, [keys[each] for each in two], len(keys))
    return Sources(dict(keys), ())


def _no_shadow_error(
    prefix: str, number: int, specs: Mapping[str, VariableSpec]
) -> CheckpointMismatchError:
    others = [name for name in specs if names.role_of(name, specs) is Role.SHADOW]
    headline = (
        f"Checkpoint prefix '{prefix}' holds no shadow of any of {number} variables, and "
        "values='shadow' asks for them"
    )
    if others:
        return CheckpointMismatchError(
            explain(
                headline + f"; it holds {len(others)} others",
                [repr(name) for name in others],
                cause="the network was built in another scope than in the checkpoint.",
                fix="give rules with rename that make the checkpoint's names of the graph's, such "
                "as rename={'^': 'net/'}.",
            )
        )
    return CheckpointMismatchError(
        explain(
            headline,
            cause="the model was trained without tf.train.ExponentialMovingAverage, or its shadows "
            "have a name of their own.",
            fix="restore with values='raw', or give the shadows' names with rename.",
        )
    )


def _two_models_error(prefix: str, keys: Sequence[str], number: int) -> CheckpointMismatchError:
    return CheckpointMismatchError(
        explain(
            f"Checkpoint prefix '{prefix}' holds two values for {len(keys)} of {number} variables",
            [f"'{key}' (raw), '{names.shadow_name(key)}' (shadow)" for key in keys],
            cause="it was saved in training with tf.train.ExponentialMovingAverage; the shadows "
            "are mostly the better model for inference, the raw values the ones to train on from.",
            fix="say values='shadow' or values='raw'.",
        )
    )
