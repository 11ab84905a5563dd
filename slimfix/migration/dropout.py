"""Recognises dropout in the training branch of a conditional."""

from __future__ import annotations

import dataclasses
from typing import Callable

import numpy as np

from slimfix import names
from slimfix.graphdef.view import GraphView, Node


@dataclasses.dataclass(frozen=True)
class DropoutFound:
    """The rate is the fraction of units dropped, or None where the graph computes it."""

    rate: float | None


def dropout_rate(
    view: GraphView, dropped: str, is_kept: Callable[[str], bool]
) -> DropoutFound | None:
    """Returns what a training branch drops, or None if it is not dropout.

    Args:
      view: the whole graph.
      dropped: tensor name, the end of the training branch.
      is_kept: tells whether a tensor is the one that the inference branch hands through.
    Source: tensorflow:tensorflow/python/ops/nn_ops.py, `dropout_v2` (random >= rate since 1.13;
      floor(keep_prob + random) before).
    """
    branch = view.ancestors(
        [names.split_tensor_name(dropped)[0]],
        control=False,
        stop=lambda node: node.op == "Switch",
    )
    nodes = [view.nodes[name] for name in branch]
    is_random = any(node.op in ("RandomUniform", "StatelessRandomUniformV2") for node in nodes)
    entries = [node for node in nodes if node.op == "Switch"]
    if not is_random or not any(is_kept(names.join_tensor_name(n.name, 0)) for n in entries):
        return None
    for node in nodes:
        if node.op == "GreaterEqual":
            return DropoutFound(_constant(view, node.inputs[1]))
        if node.op == "Floor":
            kept = _constant_operand(view, view.producer(node.inputs[0]))
            return DropoutFound(None if kept is None else round(1.0 - kept, 7))
    return None


def _constant_operand(view: GraphView, node: Node) -> float | None:
    values = [_constant(view, tensor) for tensor in node.inputs]
    return next((value for value in values if value is not None), None)


def _constant(view: GraphView, tensor: str) -> float | None:
    node = view.producer(tensor)
    while node.op in ("Identity", "Switch"):
        node = view.producer(node.inputs[0])
    if node.op != "Const":
        return None
    # The shortest decimal that is this float32: 0.2, not 0.20000000298023224.
    return float(np.format_float_positional(np.float32(node.attr("value"))))
