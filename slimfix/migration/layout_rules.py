"""What each op is with channels last: one rule a kind of op.

A rule keeps the node with its inputs and attributes changed and returns True, or returns False for
a node that can only be as it was.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.view import Node
from slimfix.migration.layout import Layout, Place, to_first, to_last
from slimfix.network.inference import BATCH_NORM
from slimfix.network.resolved import DROPOUT

# Ops with a data_format, and which input is the data.
_SPATIAL = {
    **dict.fromkeys(FUSED_OPS, 0),
    "AvgPool": 0,
    "AvgPool3D": 0,
    "BiasAdd": 0,
    "Conv2D": 0,
    "Conv2DBackpropInput": 2,
    "Conv3D": 0,
    "Conv3DBackpropInputV2": 2,
    "DepthToSpace": 0,
    "DepthwiseConv2dNative": 0,
    "MaxPool": 0,
    "MaxPool3D": 0,
    "SpaceToDepth": 0,
}
_SIZES_FIRST = ("Conv2DBackpropInput", "Conv3DBackpropInputV2")
_CHANNELS_LAST = {"NCHW": "NHWC", "NCDHW": "NDHWC"}
_PER_AXIS = ("strides", "dilations", "ksize")
# Ops that treat every element alike, whatever the order of axes.
_ELEMENTWISE = {
    "Abs",
    "Add",
    "AddN",
    "AddV2",
    "Cast",
    "Ceil",
    "ClipByValue",
    "Cos",
    "Div",
    "DivNoNan",
    "Elu",
    "Erf",
    "Exp",
    "Expm1",
    "Floor",
    "FloorDiv",
    "FloorMod",
    "Inv",
    "LeakyRelu",
    "Log",
    "Log1p",
    "Maximum",
    "Minimum",
    "Mul",
    "Neg",
    "Pow",
    "RealDiv",
    "Reciprocal",
    "Relu",
    "Relu6",
    "Round",
    "Rsqrt",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Square",
    "SquaredDifference",
    "Sub",
    "Tanh",
}
_REDUCTIONS = ("All", "Any", "Max", "Mean", "Min", "Prod", "Sum")
_PADS = ("Pad", "PadV2", "MirrorPad")


def is_channels_first(node: Node) -> bool:
    """Tells whether an op has its channels first."""
    if node.op == BATCH_NORM:
        return bool(node.attr("axis") == 1)
    return node.op in _SPATIAL and node.attr("data_format") in _CHANNELS_LAST


def _turn_spatial(layout: Layout, node: Node) -> bool:
    inputs = list(node.inputs)
    data = _SPATIAL.get(node.op, 0)
    permutation = to_last(layout.rank(node.inputs[data]))
    inputs[data] = layout.moved(node.inputs[data])
    if node.op in _SIZES_FIRST:
        sizes = layout.value(node.inputs[0])
        if sizes is None:
            return False
        inputs[0] = layout.constant(node.name, "channels_last_sizes", sizes[list(permutation)])
    if node.op == BATCH_NORM:
        return layout.keep(node, inputs, axis=-1)
    # By its old name: of BiasAdd that is NCHW at any rank.
    attrs: dict[str, Any] = {"data_format": _CHANNELS_LAST[node.attr("data_format")]}
    for key in _PER_AXIS:
        sizes = node.attr(key)
        if sizes:
            attrs[key] = [sizes[axis] for axis in permutation]
    paddings = node.attr("explicit_paddings")
    if paddings:
        pairs = np.reshape(paddings, (-1, 2))[list(permutation)]
        attrs["explicit_paddings"] = [int(size) for size in pairs.ravel()]
    return layout.keep(node, inputs, **attrs)


def _turn_transpose(layout: Layout, node: Node) -> bool:
    axes = layout.value(node.inputs[1])
    place = layout.place(node.inputs[0])
    if axes is None or len(axes) < 3:
        return False
    order = tuple(int(axis) % len(axes) for axis in axes)
    if order != (to_last(len(axes)) if place.moved else to_first(len(axes))):
        return False
    own = names.join_tensor_name(node.name, 0)
    layout.put(own, Place(place.tensor, not place.moved))
    return True


def _turn_parameter(layout: Layout, node: Node) -> bool:
    """A variable [C] reshaped to [1, C, 1, 1] is, with channels last, that variable."""
    source = node.inputs[0]
    shape = layout.shape(names.join_tensor_name(node.name, 0))
    if not layout.is_variable(source) or layout.rank(source) != 1 or not shape:
        return False
    size = (layout.shape(source) or (None,))[0]
    channel = 1 if len(shape) > 3 else 0  # [C, 1, 1] broadcasts as well.
    if len(shape) < 3 or shape != tuple(
        size if axis == channel else 1 for axis in range(len(shape))
    ):
        return False
    layout.put(names.join_tensor_name(node.name, 0), Place(source, True))
    return True


def _turn_elementwise(layout: Layout, node: Node) -> bool:
    rank = layout.rank(names.join_tensor_name(node.name, 0))
    inputs = []
    for tensor in node.inputs:
        place = layout.place(tensor)
        # One of fewer axes is a parameter, [C] now, or broadcasts along axes that it has not.
        if layout.rank(tensor) == rank or (place.moved and layout.is_variable(place.tensor)):
            inputs.append(layout.moved(tensor))
        elif place.moved:
            return False
        elif layout.rank(tensor) == 0:
            inputs.append(tensor)
        elif layout.value(tensor) is not None:
            value = np.asarray(layout.value(tensor))
            value = value.reshape((1,) * (rank - value.ndim) + value.shape)
            turned = np.transpose(value, to_last(rank))
            inputs.append(layout.constant(node.name, names.fed_name(tensor), turned))
        else:
            return False
    return layout.keep(node, inputs)


def _turn_dropout(layout: Layout, node: Node) -> bool:
    """With the axes along which units are dropped together."""
    shape = node.attr("noise_shape")
    turned = tuple(shape[axis] for axis in to_last(len(shape))) if shape else ()
    return layout.keep(node, [layout.moved(node.inputs[0])], noise_shape=turned)


def _turn_concat(layout: Layout, node: Node) -> bool:
    *tensors, axis = node.inputs
    return _with_axis(layout, node, [layout.moved(each) for each in tensors], axis, last=True)


def _turn_split(layout: Layout, node: Node) -> bool:
    if node.op == "SplitV":
        source, sizes, axis = node.inputs
        return _with_axis(layout, node, [layout.moved(source), sizes], axis, last=True)
    axis, source = node.inputs
    return _with_axis(layout, node, [layout.moved(source)], axis, last=False)


def _with_axis(layout: Layout, node: Node, inputs: Sequence[str], axis: str, last: bool) -> bool:
    value = layout.value(axis)
    if value is None:
        return False
    rank = layout.rank(names.join_tensor_name(node.name, 0))
    found = to_last(rank).index(int(value) % rank)
    moved = layout.constant(node.name, "channels_last_axis", np.array(found, np.int32))
    return layout.keep(node, [*inputs, moved] if last else [moved, *inputs])


def _turn_pad(layout: Layout, node: Node) -> bool:
    widths = layout.value(node.inputs[1])
    if widths is None:
        return False
    moved = layout.constant(node.name, "channels_last_widths", widths[list(to_last(len(widths)))])
    return layout.keep(node, [layout.moved(node.inputs[0]), moved, *node.inputs[2:]])


def _turn_blocks(layout: Layout, node: Node) -> bool:
    """Dilation cuts space into blocks, never channels; its blocks count from the second axis on."""
    blocks, pads = layout.value(node.inputs[1]), layout.value(node.inputs[2])
    if blocks is None or pads is None or blocks[0] != 1 or np.any(pads[0]):
        return False
    moved = [
        layout.constant(node.name, "channels_last_blocks", blocks[1:]),
        layout.constant(node.name, "channels_last_pads", pads[1:]),
    ]
    return layout.keep(node, [layout.moved(node.inputs[0]), *moved])


def _turn_reduction(layout: Layout, node: Node) -> bool:
    axes = layout.value(node.inputs[1])
    rank = layout.rank(node.inputs[0])
    if axes is None:
        return False
    gone = {int(axis) % rank for axis in np.ravel(axes)}
    order = to_last(rank)
    moved_axes = np.array([order.index(axis) for axis in sorted(gone)], np.int32)
    kept_moved = True if node.attr("keep_dims") else _still_moved(order, gone)
    if kept_moved is None:
        return False
    moved = layout.constant(node.name, "channels_last_axes", moved_axes)
    return layout.keep(node, [layout.moved(node.inputs[0]), moved], moved=kept_moved)


def _turn_squeeze(layout: Layout, node: Node) -> bool:
    shape = layout.shape(node.inputs[0]) or ()
    axes = node.attr("squeeze_dims") or [i for i, size in enumerate(shape) if size == 1]
    gone = {axis % len(shape) for axis in axes}
    order = to_last(len(shape))
    kept_moved = _still_moved(order, gone)
    if kept_moved is None:
        return False
    dims = sorted(order.index(axis) for axis in gone)
    return layout.keep(node, [layout.moved(node.inputs[0])], moved=kept_moved, squeeze_dims=dims)


def _still_moved(order: Sequence[int], gone: set[int]) -> bool | None:
    """Tells how the axes that are left lie: as they were, with channels last, or else (None)."""
    left = [axis for axis in order if axis not in gone]
    ranks = tuple(sorted(left).index(axis) for axis in left)
    if ranks == tuple(range(len(left))):
        return False
    return True if ranks == to_last(len(left)) else None


_BY_OP: dict[str, Callable[[Layout, Node], bool]] = {
    "BatchToSpaceND": _turn_blocks,
    "ConcatV2": _turn_concat,
    DROPOUT: _turn_dropout,
    "SpaceToBatchND": _turn_blocks,
    "Split": _turn_split,
    "SplitV": _turn_split,
    "Squeeze": _turn_squeeze,
    **dict.fromkeys(_ELEMENTWISE, _turn_elementwise),
    **dict.fromkeys(_PADS, _turn_pad),
    **dict.fromkeys(_REDUCTIONS, _turn_reduction),
}


def turn(layout: Layout, node: Node) -> bool:
    """Keeps a node in the order of axes that serves it best; tells whether it did."""
    if is_channels_first(node):
        return _turn_spatial(layout, node)
    if node.op == "Transpose":
        return _turn_transpose(layout, node)
    if not any(layout.place(tensor).moved for tensor in node.inputs):
        return node.op == "Reshape" and _turn_parameter(layout, node)
    rule = _BY_OP.get(node.op)
    return rule is not None and rule(layout, node)
