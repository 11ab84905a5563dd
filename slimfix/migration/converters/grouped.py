"""Grouped convolution as old graphs write it: split the data, convolve each part, concatenate."""

from __future__ import annotations

import dataclasses

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.convolution import convolution
from slimfix.migration.converters.kernel import read_kernel
from slimfix.migration.converters.product import Product
from slimfix.migration.converters.sliding import read_plain
from slimfix.migration.planner import Planner

_CHANNEL_AXES = (3, -1)  # Of images, and of a kernel's output.


def read_grouped(planner: Planner, node: Node) -> Product | None:
    """Returns the grouped convolution that a ConcatV2 ends, if one variable holds its kernels.

    Keras's layer with `groups` takes that variable as it is. With a variable for each group the
    graph stays as it is: split, layers, concatenation.
    """
    parts = node.inputs[:-1]
    convolutions = [planner.producer(tensor, "Conv2D") for tensor in parts]
    first = convolutions[0]
    if first is None or len(parts) < 2 or not _is_channels(planner, node.inputs[-1]):
        return None
    data, kernels = (_split(planner, first.inputs[index], len(parts)) for index in (0, 1))
    kernel = read_kernel(planner, kernels.inputs[1]) if kernels else None
    if data is None or kernels is None or kernel is None:
        return None
    for index, part in enumerate(convolutions):
        expected = tuple(names.join_tensor_name(each.name, index) for each in (data, kernels))
        alike = part is not None and _settings(part) == _settings(first)
        if part is None or part.inputs != expected or not alike:
            return None
        if not planner.only_consumer_is(parts[index], node):
            return None
    shape = planner.shape(data.inputs[1])
    sliding = read_plain(first, kernel)
    if sliding is None or not shape or shape[-1] != len(parts) * kernel.shape[2]:
        return None
    whole = dataclasses.replace(sliding, source=data.inputs[1])
    return convolution(planner, whole, len(parts))


def _split(planner: Planner, tensor: str, count: int) -> Node | None:
    """Returns the Split that cuts the last axis of images or kernels into `count` equal parts."""
    split = planner.producer(tensor, "Split")
    if split is None or split.attr("num_split") != count:
        return None
    return split if _is_channels(planner, split.inputs[0]) else None


def _is_channels(planner: Planner, axis: str) -> bool:
    value = planner.constant(axis)
    return value is not None and int(value) in _CHANNEL_AXES


def _settings(node: Node) -> tuple[str, ...]:
    keys = ("strides", "dilations", "padding", "explicit_paddings", "data_format")
    return tuple(repr(node.attr(key)) for key in keys)
