"""Converters of a user's: what they get wrong is told with their name."""

import pytest

from slimfix.errors import UsageError
from slimfix.graphdef.view import Node
from slimfix.migration import converts, registry


@pytest.fixture
def node(monkeypatch):
    monkeypatch.setattr(registry, "_OF_USERS", {})
    return Node("net/odd", "Odd", (), ())


def test_one_that_fails_is_told(node):
    @converts("Odd")
    def broken(planner, node):
        return {}["missing"]

    with pytest.raises(UsageError) as caught:
        registry.convert(None, node)
    text = str(caught.value)
    assert text.startswith(f"Converter '{__name__}:broken', asked about Odd 'net/odd', fails")
    assert "KeyError: 'missing'" in text


def test_one_that_returns_something_else_is_told(node):
    @converts("Odd")
    def careless(planner, node):
        return "keras.layers.ReLU"

    with pytest.raises(UsageError, match="returned str; want a LayerRecord or None"):
        registry.convert(None, node)
