"""The registry: what turns a node, or the pattern that ends in it, into a layer record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

from slimfix.graphdef.view import Node
from slimfix.migration.records import LayerRecord

if TYPE_CHECKING:
    from slimfix.migration.planner import Planner

# A converter returns None where the node is not what it looks for; the next one is then asked.
Converter = Callable[["Planner", Node], Optional[LayerRecord]]

_CONVERTERS: dict[str, list[Converter]] = {}


def converts(*ops: str) -> Callable[[Converter], Converter]:
    """Registers a converter for nodes of these op types, asked after those registered before."""

    def register(converter: Converter) -> Converter:
        for op in ops:
            _CONVERTERS.setdefault(op, []).append(converter)
        return converter

    return register


def convert(planner: Planner, node: Node) -> LayerRecord | None:
    """Returns the record of the layer whose output `node` makes, or None if nobody knows it."""
    for converter in _CONVERTERS.get(node.op, ()):
        record = converter(planner, node)
        if record is not None:
            return record
    return None


def known_ops() -> list[str]:
    """Returns the TensorFlow op types that some converter knows, sorted."""
    return sorted(op for op in _CONVERTERS if "." not in op)
