"""Reads constant scalars out of a graph, without running it."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from slimfix.graphdef.control_flow import enclosing_branch
from slimfix.graphdef.tensors import MOST_AXES
from slimfix.graphdef.view import GraphView, Node


def plain_float(value: np.floating) -> float:
    """Returns the shortest number that is the same at the value's precision: 0.001 for a float32
    that Python would show as 0.0010000000474974513."""
    return float(str(value))


def read_scalar(view: GraphView, tensor: str, taken_when: bool = True) -> float | None:
    """Returns the value of a scalar tensor, or None where it is no constant.

    Args:
      view: the graph.
      tensor: tensor name. Identity, Cast, Switch, Sub, RealDiv and Merge of constants are followed.
      taken_when: which side of a `tf.cond` to read: the one that runs for this value.
    """
    known: dict[str, float | None] = {}
    pending = [tensor]
    while pending:  # One after the other: a chain of them may be longer than Python's stack.
        current = pending[-1]
        operands = _operands(view, current, taken_when)
        unknown = [each for each in operands if each not in known]
        if unknown:
            pending += unknown
        else:
            known[current] = _compute(view.producer(current), [known[each] for each in operands])
            pending.pop()
    return known[tensor]


def read_sizes(view: GraphView, tensor: str) -> list[int] | None:
    """Returns the numbers of a constant that is a shape, or sizes; None where it is none.

    Args: as of `read_scalar`; no op is followed.
    """
    node = view.producer(tensor)
    if node.op != "Const":
        return None
    value: np.ndarray = node.attr("value")
    is_shape = value.ndim == 1 and value.dtype.kind in "iu" and len(value) <= MOST_AXES
    return value.tolist() if is_shape else None


def _operands(view: GraphView, tensor: str, taken_when: bool) -> Sequence[str]:
    """Returns the tensors that a scalar is computed from."""
    node = view.producer(tensor)
    if node.op in ("Identity", "Cast", "Switch"):
        return node.inputs[:1]
    if node.op in ("Sub", "RealDiv"):
        return node.inputs
    if node.op == "Merge":
        return _taken(view, node.inputs, taken_when)
    return ()


def _compute(node: Node, operands: Sequence[float | None]) -> float | None:
    if node.op == "Const":
        value = node.attr("value")
        is_number = value.size == 1 and value.dtype.kind not in "OSUbc"  # Text is no number.
        return plain_float(value.reshape(-1)[0]) if is_number else None
    if not operands:
        return None
    left, right = operands[0], operands[-1]
    if left is None or right is None or (node.op == "RealDiv" and right == 0):
        return None
    if node.op in ("Sub", "RealDiv"):
        return left - right if node.op == "Sub" else left / right
    return left


def _taken(view: GraphView, tensors: Sequence[str], taken_when: bool) -> Sequence[str]:
    """Returns the one that a `tf.cond` hands on, [] where it does not tell."""
    for tensor in tensors:
        branch = enclosing_branch(view, tensor)
        if branch and branch.predicate and branch.taken_when == taken_when:
            return [tensor]
    return []
