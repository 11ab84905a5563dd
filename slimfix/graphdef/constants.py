"""Reads constant scalars out of a graph, without running it."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from slimfix.graphdef.control_flow import enclosing_branch
from slimfix.graphdef.view import GraphView


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
    node = view.producer(tensor)
    if node.op == "Const":
        value = node.attr("value")
        is_number = value.size == 1 and value.dtype.kind not in "OSU"  # Text is no number.
        return plain_float(value.reshape(-1)[0]) if is_number else None
    if node.op in ("Identity", "Cast", "Switch"):
        return read_scalar(view, node.inputs[0], taken_when)
    if node.op in ("Sub", "RealDiv"):
        left, right = (read_scalar(view, each, taken_when) for each in node.inputs)
        if left is None or right is None or (node.op == "RealDiv" and right == 0):
            return None
        return left - right if node.op == "Sub" else left / right
    if node.op == "Merge":
        return _read_merged(view, node.inputs, taken_when)
    return None


def _read_merged(view: GraphView, tensors: Sequence[str], taken_when: bool) -> float | None:
    for tensor in tensors:
        branch = enclosing_branch(view, tensor)
        if branch and branch.predicate and branch.taken_when == taken_when:
            return read_scalar(view, tensor, taken_when)
    return None
