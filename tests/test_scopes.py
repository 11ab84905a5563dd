"""Scopes count in whole parts, and one that covers nothing is an error."""

import pytest

from slimfix.errors import UsageError
from slimfix.scopes import pick_by_scope

NAMES = ["net/conv1", "net/conv10", "net/conv1/sub", "head"]


@pytest.mark.parametrize(
    ("scopes", "picked"),
    [
        ("net/conv1", {"net/conv1", "net/conv1/sub"}),
        ("net/", {"net/conv1", "net/conv10", "net/conv1/sub"}),
        (["head", "net/conv10"], {"head", "net/conv10"}),
        ([], set()),
    ],
)
def test_whole_parts(scopes, picked):
    assert pick_by_scope(NAMES, scopes, "scopes", "layer") == picked


def test_a_scope_that_covers_nothing():
    with pytest.raises(UsageError) as error:
        pick_by_scope(NAMES, ["net", "conv1", "net/con", "hed"], "exclude_scopes", "variable")
    assert str(error.value) == (
        "3 of 4 entries of exclude_scopes cover no variable:\n"
        "  'conv1'; near: 'net/conv1', 'net/conv10'\n"
        "  'net/con'; near: 'net/conv1', 'net/conv10', 'net/conv1/sub'\n"
        "  'hed'; near: 'head'\n"
        "Likely cause: a name is misspelt, or is only a part of one; scopes count in whole parts.\n"
        "Fix: name a scope of the graph, or leave the entry out of exclude_scopes."
    )
