"""Picks names by scope, and refuses a scope that picks none."""

from __future__ import annotations

from typing import Collection, Sequence

from slimfix import names
from slimfix.errors import UsageError, count, explain


def pick_by_scope(
    candidates: Collection[str], scopes: str | Sequence[str], argument: str, noun: str
) -> set[str]:
    """Returns those names that lie in a scope of a list.

    Args:
      candidates: names, of variables or of layers.
      scopes: names or whole scopes, or one: 'conv1' covers 'conv1/weights', not 'conv10/weights'.
      argument: what the list is called, for the error: 'frozen_scopes'.
      noun: what the candidates are, for the error: 'batch norm'.
    Returns: set of names; empty if `scopes` is.
    Raises: UsageError: a scope covers no candidate.
    """
    entries = [scopes] if isinstance(scopes, str) else list(scopes)
    covered = {
        entry: {each for each in candidates if names.in_scope(each, entry)} for entry in entries
    }
    empty = [entry for entry, found in covered.items() if not found]
    if empty:
        known = {*candidates, *(scope for each in candidates for scope in names.scopes_of(each))}
        raise UsageError(
            explain(
                f"{len(empty)} of {count(len(entries), 'entry', 'entries')} of {argument} "
                f"{'covers' if len(empty) == 1 else 'cover'} no {noun}",
                [f"'{entry}'" + format_near(entry, known) for entry in empty],
                cause="a name is misspelt, or is only a part of one; scopes count in whole parts.",
                fix=f"name a scope of the graph, or leave the entry out of {argument}.",
            )
        )
    return set().union(*covered.values())


def format_near(name: str, candidates: Collection[str]) -> str:
    """Returns '; near: ...' with the candidates that look like a name, or ''."""
    near = names.near_names(name, sorted(candidates))
    return "; near: " + ", ".join(repr(each) for each in near) if near else ""
