"""The registry: what turns a node, or the pattern that ends in it, into a layer record."""

from __future__ import annotations

from typing import Callable, Optional

from slimfix.errors import UsageError, explain
from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord, find_faults
from slimfix.network.user_code import users_code

# A converter returns None where the node is not what it looks for; the next one is then asked.
Converter = Callable[[Planner, Node], Optional[LayerRecord]]

_CONVERTERS: dict[str, list[Converter]] = {}
_OF_USERS: dict[str, list[Converter]] = {}


def converts(*ops: str) -> Callable[[Converter], Converter]:
    """Registers a converter for nodes of these op types, asked after those registered before."""
    return lambda converter: _register(_CONVERTERS, ops, converter)


def converts_first(*ops: str) -> Callable[[Converter], Converter]:
    """Registers a converter of a user's: it is asked before slimfix's own, the latest one first.

    A converter gets the planner and a node, and returns a LayerRecord, mostly by `planner.layer`;
    or None where the node is not what it looks for. docs/converters.md shows one.
    """
    return lambda converter: _register(_OF_USERS, ops, converter)


def list_users_converters() -> list[str]:
    """Returns the converters of the user's, as 'module:function', sorted."""
    return sorted({_named(each) for found in _OF_USERS.values() for each in found})


def _named(converter: Converter) -> str:
    return f"{converter.__module__}:{getattr(converter, '__name__', type(converter).__name__)}"


def _register(
    registry: dict[str, list[Converter]], ops: tuple[str, ...], converter: Converter
) -> Converter:
    for op in ops:
        registry.setdefault(op, []).append(converter)
    return converter


def convert(planner: Planner, node: Node) -> LayerRecord | None:
    """Returns the record of the layer whose output `node` makes, or None if nobody knows it.

    Raises: UsageError: a converter of the user's fails, or returns something else.
    """
    for converter in reversed(_OF_USERS.get(node.op, ())):
        record = _ask_users(converter, planner, node)
        if record is not None:
            return record
    for converter in _CONVERTERS.get(node.op, ()):
        record = converter(planner, node)
        if record is not None:
            return record
    return None


def _ask_users(converter: Converter, planner: Planner, node: Node) -> LayerRecord | None:
    asked = f"Converter '{_named(converter)}', asked about {node.op} '{node.name}',"
    with users_code(f"{asked} fails"):
        record = converter(planner, node)
    wrong = [] if record is None else find_faults(record)
    if wrong:
        fix = "return what planner.layer() returns, or None (docs/converters.md)."
        raise UsageError(explain(f"{asked} returned no layer", wrong, fix=fix))
    return record
