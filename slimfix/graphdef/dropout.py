"""Recognises dropout: the whole of it or not at all."""

from __future__ import annotations

import dataclasses
from typing import Iterable, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.constants import plain_float, read_scalar, read_sizes
from slimfix.graphdef.tensors import distinct
from slimfix.graphdef.view import GraphView, Node

_SAME_TENSOR = ("Identity", "Switch")
_PASSIVE = ("Cast", *_SAME_TENSOR)
_COMPUTES_RATE = (*_PASSIVE, "Sub", "RealDiv")
_ENDS = ("Mul", "Select", "SelectV2")
_RANDOM = ("RandomUniform", "StatelessRandomUniformV2")


@dataclasses.dataclass(frozen=True)
class Dropout:
    """Units of a tensor dropped at random, the others scaled up.

    Attributes:
      input: tensor name of what is dropped from.
      rate: the fraction that is dropped; None where a placeholder decides it.
      decided_by: name of that placeholder.
      noise_shape: 1 for each axis along which units are dropped together, None for the others, as
        Keras takes it; () where every unit is dropped by itself.
    """

    input: str
    rate: float | None
    decided_by: str | None
    noise_shape: tuple[int | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Mask:
    """Units kept at random.

    Attributes:
      rate: the fraction that is dropped; None where a placeholder decides it.
      source: name of that placeholder.
      shape: tensor name of the shape of the random numbers.
    """

    rate: float | None
    source: str | None
    shape: str


def find_dropouts(view: GraphView, nodes: Iterable[Node]) -> dict[str, Dropout]:
    """Returns the dropouts that end in some nodes, by the tensor that they end in."""
    ends = [node for node in nodes if node.op in _ENDS]
    tensors = [names.join_tensor_name(node.name, 0) for node in ends]
    found = {tensor: read_dropout(view, tensor) for tensor in tensors}
    return {tensor: dropout for tensor, dropout in found.items() if dropout is not None}


def read_dropout(view: GraphView, dropped: str) -> Dropout | None:
    """Returns the dropout whose result a tensor is, or None if it is none.

    It must be x / (1 - rate) where random >= rate and 0 elsewhere, with a random number for each
    unit of x or for all units along some axes, as where whole paths or channels are dropped;
    anything else is not dropout as Keras knows it.

    Args:
      view: the whole graph.
      dropped: tensor name.
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
        kept = mask and _scaled_up(view, scaled, mask)
        noise_shape = _noise_shape(view, mask.shape, kept) if mask and kept else None
        if mask and kept and noise_shape is not None:
            return Dropout(kept, mask.rate, mask.source, noise_shape)
    return None


def _through(view: GraphView, tensor: str) -> Node:
    node = view.producer(tensor)
    while node.op in _PASSIVE:
        node = view.producer(node.inputs[0])
    return node


def _all_zero(view: GraphView, tensor: str) -> bool:
    node = _through(view, tensor)
    return node.op == "ZerosLike" or (
        node.op == "Const" and not np.any(distinct(node.attr("value")))
    )


def _read_mask(view: GraphView, node: Node) -> _Mask | None:
    """Reads random >= rate, or floor(keep_prob + random)."""
    if node.op == "GreaterEqual":
        shape, threshold = _read_random(view, node.inputs[0]), node.inputs[1]
        rate = read_scalar(view, threshold)
    elif node.op == "Floor":
        total = _through(view, node.inputs[0])
        if total.op not in ("Add", "AddV2"):
            return None
        shapes = [_read_random(view, tensor) for tensor in total.inputs]
        shape = next((found for found in shapes if found), None)
        threshold = total.inputs[0 if shapes[1] else 1]
        keep = read_scalar(view, threshold)
        rate = None if keep is None else plain_float(np.float32(1.0 - keep))
    else:
        return None
    source = _rate_source(view, threshold) if rate is None else None
    known = source is not None or (rate is not None and 0.0 <= rate < 1.0)
    return _Mask(rate, source, shape) if shape and known else None


def _rate_source(view: GraphView, tensor: str) -> str | None:
    """Returns the name of the placeholder that a rate is computed from, such as keep_prob."""
    node = view.producer(tensor)
    while node.op in _COMPUTES_RATE:
        operands = [each for each in node.inputs if read_scalar(view, each) is None]
        if not operands:
            return None
        node = view.producer(operands[0])
    return node.name if node.op in ("Placeholder", "PlaceholderWithDefault") else None


def _read_random(view: GraphView, tensor: str) -> str | None:
    """Returns the shape of random numbers from 0 to 1: the op's, or `tf.random_uniform`'s."""
    neutral = {"Add": 0.0, "AddV2": 0.0, "Mul": 1.0}
    node = _through(view, tensor)
    while node.op in neutral:
        values = [read_scalar(view, each) for each in node.inputs]
        rest = [each for each, value in zip(node.inputs, values) if value is None]
        if neutral[node.op] not in values or len(rest) != 1:
            return None
        node = _through(view, rest[0])
    return node.inputs[0] if node.op in _RANDOM else None


def _scaled_up(view: GraphView, tensor: str, mask: _Mask) -> str | None:
    """Returns x if a tensor is x / (1 - rate), to the precision of float32."""
    node = _through(view, tensor)
    if node.op not in ("RealDiv", "Div", "Mul"):
        return None
    for source, factor in (node.inputs, reversed(node.inputs)):
        if mask.rate is None:
            if _rate_source(view, factor) == mask.source:
                return source
        else:
            value = read_scalar(view, factor)
            wanted = 1.0 - mask.rate if node.op != "Mul" else 1.0 / (1.0 - mask.rate)
            if value is not None and np.isclose(value, wanted, rtol=1e-6):
                return source
        if node.op != "Mul":
            return None
    return None


def _noise_shape(view: GraphView, shape: str, kept: str) -> tuple[int | None, ...] | None:
    """Returns `Dropout.noise_shape`; None where random numbers are not one a unit or 1 an axis."""
    node = _through(view, shape)
    if node.op == "Shape":
        return () if _origin(view, node.inputs[0]) == _origin(view, kept) else None
    static = view.producer(kept).output_shape(names.split_tensor_name(kept)[1])
    sizes = _sizes(view, node, kept)
    if static is None or sizes is None or len(sizes) != len(static):
        return None
    found: list[int | None] = []
    for axis, (known, size) in enumerate(zip(static, sizes)):
        if size == 1 and known != 1:
            found.append(1)
        elif size == (kept, axis) or (known is not None and size == known):
            found.append(None)
        else:
            return None
    return tuple(found) if 1 in found else ()


def _sizes(view: GraphView, node: Node, kept: str) -> Sequence[object] | None:
    """Returns numbers, (kept, axis) for a size of `kept`, and None for what is neither."""
    if node.op == "Const":
        return read_sizes(view, names.join_tensor_name(node.name, 0))
    if node.op == "Pack":
        return [_size(view, tensor, kept) for tensor in node.inputs]
    return None


def _size(view: GraphView, tensor: str, kept: str) -> object:
    node = _through(view, tensor)
    if node.op == "Const":
        value = node.attr("value")
        return int(value) if value.ndim == 0 and value.dtype.kind in "iu" else None
    if node.op != "StridedSlice" or node.attr("shrink_axis_mask") != 1:
        return None
    whole, begin = _through(view, node.inputs[0]), _through(view, node.inputs[1])
    measured = whole.op == "Shape" and _origin(view, whole.inputs[0]) == _origin(view, kept)
    first = read_sizes(view, names.join_tensor_name(begin.name, 0))
    return (kept, first[0]) if measured and first else None


def _origin(view: GraphView, tensor: str) -> str:
    while view.producer(tensor).op in _SAME_TENSOR:
        tensor = view.producer(tensor).inputs[0]
    return tensor
