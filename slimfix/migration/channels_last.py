"""Rewrites a function with channels first (NCHW) to channels last, with few transposes.

A tensor of the original graph is either as it was, or 'moved': the function holds it with its
channels last. Ops that need an order get it; transposes that only change the order disappear.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.view import Node
from slimfix.migration.function import Function, Shape
from slimfix.migration.inference import BATCH_NORM
from slimfix.migration.resolve import DROPOUT

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
_PER_AXIS = ("strides", "dilations", "ksize")
# Ops that treat every element alike, whatever the order of axes.
_ELEMENTWISE = {
    DROPOUT,
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


def channels_last(function: Function) -> Function:
    """Returns the same function with no op left that has its channels first.

    Inputs and outputs of rank 3 and more may be moved too: `Function.permutations` says which. An
    input is if that saves transposes.
    """
    if not any(_is_channels_first(node) for node in function.nodes.values()):
        return function
    moved_inputs = [t for t in function.inputs if len(function.shapes.get(t) or ()) > 2]
    found = [_Pass(function, ()), _Pass(function, moved_inputs)]
    return min(found, key=lambda each: each.transpose_count).result()


def to_last(rank: int) -> tuple[int, ...]:
    """Returns the permutation from channels first to channels last: (0, 2, 3, 1) for rank 4."""
    return (0, *range(2, rank), 1)


def _to_first(rank: int) -> tuple[int, ...]:
    return (0, rank - 1, *range(1, rank - 1))


def _is_channels_first(node: Node) -> bool:
    if node.op == BATCH_NORM:
        return bool(node.attr("axis") == 1)
    return node.op in _SPATIAL and (node.attr("data_format") or "").startswith("NC")


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where the new function holds a tensor of the old one, and whether with channels last."""

    tensor: str
    moved: bool


class _Pass:
    """One walk through the nodes, sources first."""

    def __init__(self, function: Function, moved_inputs: Sequence[str]):
        self.transpose_count = 0
        self._old = function
        self._nodes: dict[str, Node] = {}
        self._constants = dict(function.constants)
        self._shapes = dict(function.shapes)
        self._places = {tensor: _Place(tensor, True) for tensor in moved_inputs}
        self._turned: dict[tuple[str, bool], str] = {}
        for tensor in moved_inputs:
            self._shapes[tensor] = self._permuted_shape(tensor)
        for node in function.nodes.values():
            self._visit(node)

    def result(self) -> Function:
        """Returns the new function."""
        old = self._old
        known = {*old.aliases, *old.inputs, *self._places}
        places = {name: self._place(old.aliases.get(name, name)) for name in known}
        ranks = {name: len(old.shapes.get(old.aliases.get(name, name)) or ()) for name in known}
        return dataclasses.replace(
            old,
            nodes=self._nodes,
            outputs=tuple(self._place(tensor).tensor for tensor in old.outputs),
            constants=self._constants,
            shapes=self._shapes,
            aliases={name: place.tensor for name, place in places.items()},
            permutations={
                name: to_last(ranks[name]) for name, place in places.items() if place.moved
            },
        )

    def _place(self, tensor: str) -> _Place:
        return self._places.get(tensor, _Place(tensor, False))

    def _rank(self, tensor: str) -> int:
        return len(self._old.shapes.get(tensor) or ())

    def _permuted_shape(self, tensor: str) -> Shape:
        shape = self._old.shapes.get(tensor)
        return None if shape is None else tuple(shape[axis] for axis in to_last(len(shape)))

    def _visit(self, node: Node) -> None:
        if _is_channels_first(node):
            done = self._visit_spatial(node)
        elif node.op == "Transpose":
            done = self._visit_transpose(node)
        elif not any(self._place(tensor).moved for tensor in node.inputs):
            done = node.op == "Reshape" and self._visit_parameter(node)
        elif node.op in _ELEMENTWISE:
            done = self._visit_elementwise(node)
        else:
            visit = _BY_OP.get(node.op)
            done = visit is not None and visit(self, node)
        if not done:  # It sees what it saw in the original.
            inputs = tuple(self._as_it_was(tensor) for tensor in node.inputs)
            self._nodes[node.name] = dataclasses.replace(node, inputs=inputs)

    def _keep(self, node: Node, inputs: Sequence[str], moved: bool = True, **attrs: Any) -> bool:
        """Keeps a node with other inputs and attributes; its outputs are moved or as they were."""
        changed = dataclasses.replace(
            node, inputs=tuple(inputs), attrs={**node.attrs, **attrs} if attrs else node.attrs
        )
        self._nodes[node.name] = changed
        if moved:
            for tensor in self._outputs(node):
                self._places[tensor] = _Place(tensor, True)
                self._shapes[tensor] = self._permuted_shape(tensor)
        return True

    def _outputs(self, node: Node) -> list[str]:
        count = node.attr("num_split", 1)
        return [names.join_tensor_name(node.name, index) for index in range(count)]

    def _as_it_was(self, tensor: str) -> str:
        place = self._place(tensor)
        return self._turn(tensor, place, _to_first) if place.moved else place.tensor

    def _moved(self, tensor: str) -> str:
        place = self._place(tensor)
        return place.tensor if place.moved else self._turn(tensor, place, to_last)

    def _turn(self, tensor: str, place: _Place, order: Callable[[int], tuple[int, ...]]) -> str:
        """Returns a tensor in the other order: a constant that is turned now, or a new node."""
        key = (tensor, place.moved)
        if key in self._turned:
            return self._turned[key]
        permutation = order(self._rank(tensor))
        node_name, index = names.split_tensor_name(tensor)
        turned = f"{node_name}{f'_{index}' if index else ''}/"
        turned += "channels_first" if place.moved else "channels_last"
        own = names.join_tensor_name(turned, 0)
        if tensor in self._constants and not place.moved:
            self._constants[own] = np.transpose(self._constants[tensor], permutation)
        else:
            self.transpose_count += 1
            axes = self._constant(turned, "permutation", np.array(permutation, np.int32))
            self._nodes[turned] = Node(turned, "Transpose", (place.tensor, axes), ())
        shape = self._old.shapes.get(tensor)
        self._shapes[own] = shape if place.moved else self._permuted_shape(tensor)
        self._turned[key] = own
        return own

    def _constant(self, scope: str, name: str, value: np.ndarray) -> str:
        tensor = names.join_tensor_name(f"{scope}/{name}", 0)
        self._constants[tensor], self._shapes[tensor] = value, value.shape
        return tensor

    def _visit_spatial(self, node: Node) -> bool:
        inputs = list(node.inputs)
        data = _SPATIAL.get(node.op, 0)
        permutation = to_last(self._rank(node.inputs[data]))
        inputs[data] = self._moved(node.inputs[data])
        if node.op in _SIZES_FIRST:
            sizes = self._constants.get(node.inputs[0])
            if sizes is None:
                return False
            inputs[0] = self._constant(node.name, "channels_last_sizes", sizes[list(permutation)])
        if node.op == BATCH_NORM:
            return self._keep(node, inputs, axis=-1)
        attrs: dict[str, Any] = {"data_format": "NDHWC" if len(permutation) == 5 else "NHWC"}
        for key in _PER_AXIS:
            sizes = node.attr(key)
            if sizes:
                attrs[key] = [sizes[axis] for axis in permutation]
        paddings = node.attr("explicit_paddings")
        if paddings:
            pairs = np.reshape(paddings, (-1, 2))[list(permutation)]
            attrs["explicit_paddings"] = [int(size) for size in pairs.ravel()]
        return self._keep(node, inputs, **attrs)

    def _visit_transpose(self, node: Node) -> bool:
        axes = self._constants.get(node.inputs[1])
        place = self._place(node.inputs[0])
        if axes is None or len(axes) < 3:
            return False
        order = tuple(int(axis) % len(axes) for axis in axes)
        if order != (to_last(len(axes)) if place.moved else _to_first(len(axes))):
            return False
        own = names.join_tensor_name(node.name, 0)
        self._places[own] = _Place(place.tensor, not place.moved)
        return True

    def _visit_parameter(self, node: Node) -> bool:
        """A variable [C] reshaped to [1, C, 1, 1] is, with channels last, that variable."""
        source = node.inputs[0]
        shape = self._old.shapes.get(names.join_tensor_name(node.name, 0))
        if source not in self._old.variables or self._rank(source) != 1 or not shape:
            return False
        size = (self._old.shapes.get(source) or (None,))[0]
        channel = 1 if len(shape) > 3 else 0  # [C, 1, 1] broadcasts as well.
        if len(shape) < 3 or shape != tuple(
            size if axis == channel else 1 for axis in range(len(shape))
        ):
            return False
        self._places[names.join_tensor_name(node.name, 0)] = _Place(source, True)
        return True

    def _visit_elementwise(self, node: Node) -> bool:
        rank = self._rank(names.join_tensor_name(node.name, 0))
        inputs = []
        for tensor in node.inputs:
            if self._place(tensor).moved or self._rank(tensor) == rank:
                inputs.append(self._moved(tensor))
            elif self._rank(tensor) == 0:
                inputs.append(tensor)
            elif tensor in self._constants:
                value = self._constants[tensor]
                value = value.reshape((1,) * (rank - value.ndim) + value.shape)
                turned = np.transpose(value, to_last(rank))
                inputs.append(self._constant(node.name, names.fed_name(tensor), turned))
            else:
                return False
        return self._keep(node, inputs)

    def _visit_concat(self, node: Node) -> bool:
        *tensors, axis = node.inputs
        return self._with_axis(node, [self._moved(each) for each in tensors], axis, last=True)

    def _visit_split(self, node: Node) -> bool:
        if node.op == "SplitV":
            source, sizes, axis = node.inputs
            return self._with_axis(node, [self._moved(source), sizes], axis, last=True)
        axis, source = node.inputs
        return self._with_axis(node, [self._moved(source)], axis, last=False)

    def _with_axis(self, node: Node, inputs: Sequence[str], axis: str, last: bool) -> bool:
        value = self._constants.get(axis)
        if value is None:
            return False
        rank = self._rank(names.join_tensor_name(node.name, 0))
        found = to_last(rank).index(int(value) % rank)
        moved = self._constant(node.name, "channels_last_axis", np.array(found, np.int32))
        return self._keep(node, [*inputs, moved] if last else [moved, *inputs])

    def _visit_pad(self, node: Node) -> bool:
        widths = self._constants.get(node.inputs[1])
        if widths is None:
            return False
        moved = self._constant(
            node.name, "channels_last_widths", widths[list(to_last(len(widths)))]
        )
        return self._keep(node, [self._moved(node.inputs[0]), moved, *node.inputs[2:]])

    def _visit_reduction(self, node: Node) -> bool:
        axes = self._constants.get(node.inputs[1])
        rank = self._rank(node.inputs[0])
        if axes is None:
            return False
        gone = {int(axis) % rank for axis in np.ravel(axes)}
        order = to_last(rank)
        moved_axes = np.array([order.index(axis) for axis in sorted(gone)], np.int32)
        kept_moved = True if node.attr("keep_dims") else _still_moved(order, gone)
        if kept_moved is None:
            return False
        moved = self._constant(node.name, "channels_last_axes", moved_axes)
        return self._keep(node, [self._moved(node.inputs[0]), moved], moved=kept_moved)

    def _visit_squeeze(self, node: Node) -> bool:
        shape = self._old.shapes.get(node.inputs[0]) or ()
        axes = node.attr("squeeze_dims") or [i for i, size in enumerate(shape) if size == 1]
        gone = {axis % len(shape) for axis in axes}
        order = to_last(len(shape))
        kept_moved = _still_moved(order, gone)
        if kept_moved is None:
            return False
        dims = sorted(order.index(axis) for axis in gone)
        return self._keep(node, [self._moved(node.inputs[0])], moved=kept_moved, squeeze_dims=dims)


def _still_moved(order: Sequence[int], gone: set[int]) -> bool | None:
    """Tells how the axes that are left lie: as they were, with channels last, or else (None)."""
    left = [axis for axis in order if axis not in gone]
    ranks = tuple(sorted(left).index(axis) for axis in left)
    if ranks == tuple(range(len(left))):
        return False
    return True if ranks == to_last(len(left)) else None


_BY_OP: Mapping[str, Callable[[_Pass, Node], bool]] = {
    "ConcatV2": _Pass._visit_concat,
    "Split": _Pass._visit_split,
    "SplitV": _Pass._visit_split,
    "Squeeze": _Pass._visit_squeeze,
    **dict.fromkeys(_PADS, _Pass._visit_pad),
    **dict.fromkeys(_REDUCTIONS, _Pass._visit_reduction),
}
