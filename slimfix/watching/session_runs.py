"""What a call of `session.run` fetches, and what it would cost to fetch more."""

from __future__ import annotations

from typing import Any, Collection, Iterable, Iterator, Mapping

from slimfix import names
from slimfix.graph.layers import op_of
from slimfix.graphdef.view import GraphView

# What the names of ops hold that take data in: QueueDequeueManyV2, OneShotIterator, ...
_INPUTS = ("Placeholder", "Dequeue", "Iterator", "Reader", "PyFunc")


def op_names(structure: Any) -> frozenset[str]:
    """Returns the names of the ops that a fetch stands for, nested in any way that run takes."""
    return frozenset(name for leaf in _leaves(structure) for name in _op_name(leaf))


def reads_more(view: GraphView, computed: Collection[str], tensors: Iterable[str]) -> bool:
    """Tells whether a run would take in more data if it fetched these tensors too.

    It would then fail for want of a feed, or lose a batch of its input.

    Args:
      view: the graph.
      computed: names of the nodes that it computes anyway.
      tensors: tensor names.
    """
    starts = [names.split_tensor_name(tensor)[0] for tensor in tensors]
    added = view.ancestors(starts, stop=lambda node: node.name in computed)
    return any(
        name not in computed and any(mark in view.nodes[name].op for mark in _INPUTS)
        for name in added
    )


def _leaves(structure: Any) -> Iterator[Any]:
    if isinstance(structure, Mapping):
        children = list(structure.values())
    elif isinstance(structure, (list, tuple)):
        children = list(structure)
    elif hasattr(type(structure), "__attrs_attrs__"):
        children = [getattr(structure, field.name) for field in structure.__attrs_attrs__]
    else:
        yield structure
        return
    for child in children:
        yield from _leaves(child)


def _op_name(leaf: Any) -> Iterator[str]:
    if isinstance(leaf, str):
        yield names.split_tensor_name(leaf)[0]
        return
    op = op_of(leaf)
    if hasattr(op, "name"):  # Of anything else TensorFlow says itself that it cannot be fetched.
        yield op.name
