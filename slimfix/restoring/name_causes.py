"""Causes of a misfit that lie in names: the values are there, and called something else.

Each function returns the cause that it knows, or None. `specs` are the checkpoint's variables and
`used` the keys that other variables of the graph take.
"""

from __future__ import annotations

import collections
import re
from typing import Collection, Sequence

from slimfix import names
from slimfix.errors import count
from slimfix.restoring.unmatched import Cause, Specs, Unmatched, list_missing


def only_shadows(left: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> Cause | None:
    keys = [k for k in list_missing(left) if names.shadow_name(k) in specs]
    if not keys:
        return None
    return Cause(
        frozenset(keys),
        f"the checkpoint holds {count(len(keys), 'variable')} only as shadows "
        "(ExponentialMovingAverage)",
        "restore with values='shadow'",
    )


def built_twice(left: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> Cause | None:
    """The graph has 'net_1/conv1/weights', the checkpoint 'net/conv1/weights' and no 'net_2/'."""
    votes: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for each in left:
        for scope in names.scopes_of(each.key) if each.found is None else ():
            base = re.sub(r"_\d+$", "", scope)
            twin = specs.get(base + each.key[len(scope) :])
            if base != scope and twin and each.variable.can_hold(twin.shape, twin.dtype):
                votes[scope, base].append(each.key)
    numbered = {re.sub(r"_\d+$", "", each) for key in specs for each in _numbered_scopes(key)}
    scopes = {pair: keys for pair, keys in votes.items() if pair[1] not in numbered}
    if not scopes:
        return None
    (scope, base), keys = max(scopes.items(), key=lambda item: len(item[1]))
    return Cause(
        frozenset(keys),
        f"the network was built a second time under '{scope}'; the checkpoint holds it as '{base}'",
        f"build it once, or with reuse=tf.AUTO_REUSE; or restore with {_rename(scope, base)}",
    )


def _numbered_scopes(key: str) -> list[str]:
    return [scope for scope in names.scopes_of(key) if re.search(r"_\d+$", scope)]


def other_scope(left: Sequence[Unmatched], specs: Specs, used: Collection[str]) -> Cause | None:
    """The graph has 'resnet/...', the checkpoint 'model/resnet/...', for half of them or more."""
    free: dict[str, list[str]] = collections.defaultdict(list)
    for key in specs:
        if key not in used:
            for tail in _tails(key):
                free[tail].append(key)
    votes: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    missing = [each for each in left if each.found is None]
    for each in missing:
        for tail in _tails(each.key):
            for key in free[tail]:
                pair = (_head(each.key, tail), _head(key, tail))
                same_end = names.last_part(pair[0]) == names.last_part(pair[1])
                if not same_end and each.variable.can_hold(specs[key].shape, specs[key].dtype):
                    votes[pair].add(each.key)
    if not votes:
        return None
    (mine, theirs), keys = max(votes.items(), key=lambda item: len(item[1]))
    if len(keys) < 2 or 2 * len(keys) < len(missing):
        return None
    return Cause(
        frozenset(keys),
        f"{_scope_in_words(mine)} of the graph is {_scope_in_words(theirs)} in the checkpoint",
        f"restore with {_rename(mine, theirs)}",
    )


def _tails(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _head(key: str, tail: str) -> str:
    return key[: -len(tail)].rstrip("/")


def _scope_in_words(scope: str) -> str:
    return f"scope '{scope}'" if scope else "the outermost scope"


def _rename(mine: str, theirs: str) -> str:
    pattern = "^" + re.escape(mine) + "/" if mine else "^"
    return f"rename=[({pattern!r}, {theirs + '/' if theirs else ''!r})]"
