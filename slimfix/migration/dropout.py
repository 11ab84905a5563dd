"""Recognises dropout in the training branch of a conditional, whole or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from slimfix import names
from slimfix.graphdef.constants import plain_float, read_scalar
from slimfix.graphdef.view import GraphView, Node

_PASSIVE = ("Cast", "Identity", "Switch")
_RANDOM = ("RandomUniform", "StatelessRandomUniformV2")


@dataclasses.dataclass(frozen=True)
class _Mask:
    """Units kept at random.

    Attributes:
      rate: the fraction that is dropped.
      shape: tensor name of the shape of the random numbers.
    """

    rate: float
    shape: str


def find_dropout_rate(
    view: GraphView, dropped: str, is_kept: Callable[[str], bool]
) -> float | None:
    """Returns the rate at which a training branch drops single units, or None if it does not.

    The branch must be x / (1 - rate) where random >= rate and 0 elsewhere, with a random number
    for each unit of x; whatever else a branch does is not dropout as Keras knows it.

    Args:
      view: the whole graph.
      dropped: tensor name, the end of the training branch.
      is_kept: tells whether a tensor is x: what the inference branch hands through.
    Source: tensorflow:tensorflow/python/ops/nn_ops.py, `dropout_v2`: a product with the mask, a
      select since 2.13; floor(keep_prob + random) before 1.13.
    """
    node = _through(view, dropped)
    if node.op in ("SelectV2", "Select"):
        if read_scalar(view, node.inputs[2]) != 0 and not _all_zero(view, node.inputs[2]):
            return None
        pairs = [(node.inputs[1], node.inputs[0])]
    elif node.op == "Mul":
        pairs = [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])]
    else:
        return None
    for scaled, masked in pairs:
        mask = _read_mask(view, _through(view, masked))
        kept = mask and _scaled_by(view, scaled, 1.0 / (1.0 - mask.rate))
        if mask and kept and is_kept(kept) and _is_shape_of(view, mask.shape, kept, is_kept):
            return mask.rate
    return None


def _through(view: GraphView, tensor: str) -> Node:
    node = view.producer(tensor)
    while node.op in _PASSIVE:
        node = view.producer(node.inputs[0])
    return node


def _all_zero(view: GraphView, tensor: str) -> bool:
    node = _through(view, tensor)
    return node.op == "ZerosLike" or (node.op == "Const" and not np.any(node.attr("value")))


def _read_mask(view: GraphView, node: Node) -> _Mask | None:
    """Reads random >= rate, or floor(keep_prob + random)."""
    if node.op == "GreaterEqual":
        shape, rate = _read_random(view, node.inputs[0]), read_scalar(view, node.inputs[1])
    elif node.op == "Floor":
        total = _through(view, node.inputs[0])
        if total.op not in ("Add", "AddV2"):
            return None
        values = [read_scalar(view, tensor) for tensor in total.inputs]
        keep = next((value for value in values if value is not None), None)
        shapes = [_read_random(view, tensor) for tensor in total.inputs]
        shape = next((found for found in shapes if found), None)
        rate = None if keep is None else plain_float(np.float32(1.0 - keep))
    else:
        return None
    return _Mask(rate, shape) if shape and rate is not None and 0.0 <= rate < 1.0 else None


def _read_random(view: GraphView, tensor: str) -> str | None:
    """Returns the shape of random numbers from 0 to 1: the op's, or `tf.random_uniform`'s."""
    node = _through(view, tensor)
    for op, neutral in (("Add", 0.0), ("AddV2", 0.0), ("Mul", 1.0)):
        if node.op == op:
            values = [read_scalar(view, each) for each in node.inputs]
            rest = [each for each, value in zip(node.inputs, values) if value is None]
            if neutral not in values or len(rest) != 1:
                return None
            return _read_random(view, rest[0])
    return node.inputs[0] if node.op in _RANDOM else None


def _scaled_by(view: GraphView, tensor: str, factor: float) -> str | None:
    """Returns x if a tensor is x times `factor`, to the precision of float32."""
    node = _through(view, tensor)
    if node.op in ("RealDiv", "Div"):
        divisor = read_scalar(view, node.inputs[1])
        found = 1.0 / divisor if divisor else None
        source = node.inputs[0]
    elif node.op == "Mul":
        values = [read_scalar(view, each) for each in node.inputs]
        found = next((value for value in values if value is not None), None)
        source = node.inputs[0 if values[1] is not None else 1]
    else:
        return None
    return source if found is not None and np.isclose(found, factor, rtol=1e-6) else None


def _is_shape_of(view: GraphView, shape: str, kept: str, is_kept: Callable[[str], bool]) -> bool:
    """Tells whether every unit has a random number of its own: no noise_shape."""
    node = _through(view, shape)
    if node.op == "Shape":
        return is_kept(node.inputs[0])
    shapes = view.producer(kept).attr("_output_shapes") or []
    index = names.split_tensor_name(kept)[1]
    static = shapes[index] if index < len(shapes) else None
    return (
        node.op == "Const"
        and static is not None
        and None not in static
        and tuple(np.ravel(node.attr("value")).tolist()) == tuple(static)
    )
