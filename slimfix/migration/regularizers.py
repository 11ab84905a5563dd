"""Reads the penalties that slim put on weights, exactly or not at all."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from slimfix.graphdef.constants import plain_float, read_scalar
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView, Node

_REGULARIZATION_LOSSES = "regularization_losses"
_SAME_VALUE = ("Cast", "Identity", "ReadVariableOp")
_MOST_TERMS = 100_000  # A sum of sums of the same, and so on, has no end.


@dataclasses.dataclass(frozen=True)
class Penalty:
    """l1 * sum(|w|) + l2 * sum(w^2) on one variable, as Keras's L1L2 has it."""

    l1: float = 0.0
    l2: float = 0.0

    def keras_config(self) -> dict[str, Any]:
        """Returns what Keras takes in place of a regularizer: a serialized L2 or L1L2."""
        name = "L1L2" if self.l1 else "L2"
        config = {"l1": self.l1, "l2": self.l2} if self.l1 else {"l2": self.l2}
        return {
            "class_name": name,
            "config": config,
            "module": "keras.regularizers",
            "registered_name": None,
        }


def find_penalties(meta_graph: Any, view: GraphView) -> tuple[dict[str, Penalty], list[str]]:
    """Returns the penalty by variable name, and notes on what could not be read.

    slim's l2_regularizer(s) adds s * sum(w^2) / 2, its l1_regularizer(s) s * sum(|w|); several
    penalties on one variable add up. Only the REGULARIZATION_LOSSES collection counts: that is
    where slim puts them and where a loss finds them.

    Args:
      meta_graph: MetaGraphDef, for the collection.
      view: of its graph.
    Source: tf-slim:tf_slim/layers/regularizers.py, `l1_regularizer`, `l2_regularizer`.
    """
    penalties: dict[str, Penalty] = {}
    notes: list[str] = []
    for tensor in dict.fromkeys(meta_graph.collection_def[_REGULARIZATION_LOSSES].node_list.value):
        try:
            terms = _read_terms(view, tensor, 1.0)
        except _Unreadable:
            notes.append(f"{tensor}: this penalty of the training loss was not migrated")
            continue
        for variable, term in terms:
            before = penalties.get(variable, Penalty())
            penalties[variable] = Penalty(
                _rounded(before.l1 + term.l1), _rounded(before.l2 + term.l2)
            )
    return penalties, notes


class _Unreadable(Exception):
    """The tensor is no sum of scaled L1 and L2 norms of variables."""


def _read_terms(view: GraphView, tensor: str, factor: float) -> list[tuple[str, Penalty]]:
    terms: list[tuple[str, Penalty]] = []
    pending = [(tensor, factor)]
    while pending:
        tensor, factor = pending.pop()
        if tensor.partition(":")[0] not in view:
            raise _Unreadable
        node = view.producer(tensor)
        if node.op in _SAME_VALUE:
            pending.append((node.inputs[0], factor))
        elif node.op in ("Add", "AddV2", "AddN"):
            pending += [(each, factor) for each in reversed(node.inputs)]
        elif node.op in ("Mul", "RealDiv"):
            pending.append(_read_scaled(view, node, factor))
        elif node.op == "L2Loss":
            terms.append((_variable(view, node.inputs[0]), Penalty(l2=factor / 2.0)))
        elif node.op == "Sum" and view.producer(node.inputs[0]).op == "Abs":
            magnitudes = view.producer(node.inputs[0])
            terms.append((_variable(view, magnitudes.inputs[0]), Penalty(l1=factor)))
        else:
            raise _Unreadable
        if len(pending) + len(terms) > _MOST_TERMS:
            raise _Unreadable
    return terms


def _read_scaled(view: GraphView, node: Node, factor: float) -> tuple[str, float]:
    """Returns what a product or quotient scales, and the factor that it then has."""
    values = [read_scalar(view, each) for each in node.inputs]
    if node.op == "RealDiv":
        if not values[1]:
            raise _Unreadable
        return node.inputs[0], factor / values[1]
    for value, other in zip(values, reversed(node.inputs)):
        if value is not None:
            return other, factor * value
    raise _Unreadable


def _variable(view: GraphView, tensor: str) -> str:
    node = view.producer(tensor)
    while node.op in _SAME_VALUE:
        node = view.producer(node.inputs[0])
    if node.op not in VARIABLE_OPS:
        raise _Unreadable
    return node.name


def _rounded(factor: float) -> float:
    """The graph holds float32 factors: more digits would be made up."""
    return plain_float(np.float32(factor))
