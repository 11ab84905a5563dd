"""Sizes that a graph computes with although they are the same for every batch."""

from __future__ import annotations

import dataclasses
from typing import Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.view import GraphView, Node
from slimfix.reference.nodes import with_attrs

_INT64 = 9  # tensorflow/core/framework/types.proto


def with_known_sizes(view: GraphView, node: Node) -> Node:
    """Returns a constant for a node that picks sizes which the graph notes down, else the node.

    What is computed from them is then a constant part, in float32 as in any session.

    Args:
      view: the original graph.
      node: the node that is to be run in place of the one of its name there.
    """
    import tensorflow.compat.v1 as tf

    original = view.nodes.get(node.name)
    sizes = _picked(view, original) if original and original.op == "StridedSlice" else None
    if sizes is None:
        return node
    constant = dataclasses.replace(node, op="Const", inputs=(), attrs={})
    return with_attrs(constant, dtype=tf.as_dtype(sizes.dtype), value=sizes)


def _picked(view: GraphView, node: Node) -> np.ndarray | None:
    """Returns the sizes that a slice picks of a shape; None where it is not one, or one is open."""
    source, *bounds = (view.producer(tensor) for tensor in node.inputs)
    if source.op != "Shape" or node.attr("ellipsis_mask") or node.attr("new_axis_mask"):
        return None
    shape = _noted_shape(view, source.inputs[0])
    if shape is None or any(each.op != "Const" or each.attr("value").size != 1 for each in bounds):
        return None
    begin, end, step = (int(each.attr("value")[0]) for each in bounds)
    dtype = np.int64 if source.attr("out_type") == _INT64 else np.int32
    if node.attr("shrink_axis_mask"):
        return None if shape[begin] is None else np.array(shape[begin], dtype)
    start = None if node.attr("begin_mask") else begin
    stop = None if node.attr("end_mask") else end
    picked = shape[start:stop:step]
    return None if None in picked else np.array(picked, dtype)


def _noted_shape(view: GraphView, tensor: str) -> Sequence[int | None] | None:
    name, index = names.split_tensor_name(tensor)
    return view.nodes[name].output_shape(index)
