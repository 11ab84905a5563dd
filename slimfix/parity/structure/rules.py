"""A rule a layer or operation: which steps it is, the same for all ways to write them."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Hashable, Sequence

import numpy as np

from slimfix.migration.build import random_state
from slimfix.parity.dataflow import Call, Tensor
from slimfix.parity.structure.kinds import COMMUTATIVE
from slimfix.parity.structure.plain import (
    operation_settings,
    pinned,
    plain,
    plain_number,
    relu,
    snake,
)
from slimfix.parity.structure.steps import Value, Writer

Rule = Callable[[Writer, Call, Sequence[Value]], list[Value]]

# Of a layer's settings, those that tell nothing of what it computes, and those that level L0
# compares by themselves.
_IDLE = ("name", "dtype", "seed", "trainable", "momentum", "activation", "batch_size")
_IDLE_ENDS = ("_initializer", "_regularizer", "_constraint")


def as_it_is(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    """A layer or operation with all its settings; its activation behind it."""
    import keras

    operation = call.operation
    rank = len(reads[0].shape) if reads else 0
    if not isinstance(operation, keras.Layer):
        return writer.step(call, snake(call.kind), operation_settings(call, rank), reads)
    config = {
        key: plain(value, key, rank)
        for key, value in operation.get_config().items()
        if key not in _IDLE and not key.endswith(_IDLE_ENDS) and value is not None
    }
    settings = (*sorted(config.items()), writer.weights(operation), pinned(call))
    is_random = random_state(operation) is not None
    results = writer.step(call, call.kind, settings, reads, is_random=is_random)
    function = getattr(operation, "activation", None)
    if function is None or len(results) != 1:
        return results
    return [writer.activation(call, function, results[0])]


def _nothing(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    return [*reads]


def _of_one(found: Callable[[Any, int], tuple[str, Hashable]]) -> Rule:
    """What is computed of each element, or along an axis: kind and settings by operation and
    rank."""

    def rule(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
        if pinned(call):  # A mask.
            return as_it_is(writer, call, reads)
        kind, settings = found(call.operation, len(reads[0].shape))
        return writer.step(call, kind, settings, reads, [reads[0].shape])

    return rule


def _activation_layer(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    return [writer.activation(call, call.operation.activation, reads[0])]


def _dropout(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    layer = call.operation
    rate = float(np.float32(layer.rate))
    if not rate:
        return [*reads]
    noise = None if layer.noise_shape is None else tuple(layer.noise_shape)
    settings = (rate, noise, pinned(call))
    return writer.step(call, "dropout", settings, reads, [reads[0].shape], is_random=True)


def _reshaped(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    """The same value in another shape, where the sizes say which."""
    before, after = reads[0].shape, call.outputs[0].shape
    same = [size for size in before if size != 1] == [size for size in after if size != 1]
    if not same and after.count(None) > 1:
        return as_it_is(writer, call, reads)
    return [dataclasses.replace(reads[0], shape=after)]


def _transposed(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    order = _order(call, len(reads[0].shape))
    (value,) = reads
    step = value.step
    if step is not None and step.kind == "transpose":
        before = step.reads[0]
        assert isinstance(step.settings, tuple)
        if value.shape == tuple(before.shape[axis] for axis in step.settings):
            value, order = before, tuple(step.settings[axis] for axis in order)
    if order == tuple(range(len(order))):
        return [value]
    return writer.step(call, "transpose", order, [value])


def _order(call: Call, rank: int) -> tuple[int, ...]:
    operation = call.operation
    if call.kind == "Permute":
        return (0, *operation.dims)
    if call.kind == "Swapaxes":
        order = [*range(rank)]
        one, other = operation.axis1 % rank, operation.axis2 % rank
        order[one], order[other] = other, one
        return tuple(order)
    axes = operation.axes
    return tuple(range(rank))[::-1] if axes is None else tuple(axis % rank for axis in axes)


def _cast(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    before, after = (np.dtype(each.dtype) for each in (call.inputs[0], call.outputs[0]))
    is_wider = before.kind in "iu" and after.kind in "iu" and np.can_cast(before, after)
    if before == after or is_wider:
        return [*reads]
    return writer.step(call, "cast", call.outputs[0].dtype, reads)


def _rescaled(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    value, layer = reads[0], call.operation
    for kind, constant, idle in (("multiply", layer.scale, 1.0), ("add", layer.offset, 0.0)):
        if plain_number(constant) != idle:
            (value,) = writer.step(call, kind, plain_number(constant), [value], [value.shape])
    return [value]


def _merged(kind: str) -> Rule:
    """A layer that takes a list: two by two, as Keras does it."""

    def rule(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
        if len({len(value.shape) for value in reads}) > 1 or pinned(call):
            return as_it_is(writer, call, reads)
        total = reads[0]
        for value in reads[1:]:
            (total,) = writer.step(call, kind, (), [total, value], [call.outputs[0].shape])
        return [total]

    return rule


_IDLE_CONSTANT = {"add": 0.0, "multiply": 1.0, "subtract": 0.0, "divide": 1.0}


def _of_two(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    """Arithmetic of two tensors, or of a tensor and a constant."""
    kind = snake(call.kind)
    arguments = [*call.args, *call.kwargs.values()]
    if len(arguments) != 2:
        return as_it_is(writer, call, reads)
    if len(reads) == 2:
        return writer.step(call, kind, (), reads)
    first = isinstance(arguments[0], Tensor)
    constant = plain_number(arguments[1] if first else arguments[0])
    keeps_shape = call.outputs[0].shape == reads[0].shape
    if keeps_shape and constant == _IDLE_CONSTANT.get(kind) and (first or kind in COMMUTATIVE):
        return [*reads]
    if kind in ("maximum", "minimum"):
        return _bounded(writer, call, kind, constant, reads)
    if not first and kind not in COMMUTATIVE:
        return writer.step(call, kind, ("constant first", constant), reads)
    return writer.step(call, kind, constant, reads)


def _bounded(
    writer: Writer, call: Call, kind: str, constant: Hashable, reads: Sequence[Value]
) -> list[Value]:
    """A maximum or minimum with a number; both, in any order, are a clip."""
    (value,) = reads
    bounds, before = {kind: constant}, value.step
    if before is not None and len(before.reads) == 1 and before.reads[0].shape == value.shape:
        if (before.kind, before.settings) == relu():
            bounds.setdefault("maximum", 0.0)
        elif before.kind in ("maximum", "minimum"):
            bounds.setdefault(before.kind, before.settings)
        least, largest = bounds.get("maximum"), bounds.get("minimum")
        if isinstance(least, float) and isinstance(largest, float) and least <= largest:
            return _between(writer, call, least, largest, before.reads)
    if kind == "maximum" and constant == 0.0:
        kind, constant = relu()
    return writer.step(call, kind, constant, reads)


def _between(
    writer: Writer, call: Call, least: float, largest: float, reads: Sequence[Value]
) -> list[Value]:
    kind, settings = relu(largest) if least == 0 else ("clip", (least, largest))
    return writer.step(call, kind, settings, reads)


def _clipped(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    bounds = [plain_number(each) for each in (call.operation.x_min, call.operation.x_max)]
    least, largest = bounds
    if isinstance(least, float) and isinstance(largest, float) and least <= largest:
        return _between(writer, call, least, largest, reads)
    return as_it_is(writer, call, reads)


def _pooled_whole(kind: str) -> Rule:
    """What a global pooling layer does, as a reduction over the axes between."""

    def rule(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
        layer, shape = call.operation, reads[0].shape
        if layer.data_format != "channels_last" or pinned(call):
            return as_it_is(writer, call, reads)
        return _reduced_over(writer, call, kind, tuple(range(1, len(shape) - 1)), reads)

    return rule


def _reduced(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    """Axes of size one that are kept are a matter of shape."""
    operation, rank = call.operation, len(reads[0].shape)
    axes = range(rank) if operation.axis is None else operation.axis
    axes = [axes] if isinstance(axes, int) else axes
    if getattr(operation, "initial", None) is not None:
        return as_it_is(writer, call, reads)
    over = tuple(sorted(axis % rank for axis in axes))
    return _reduced_over(writer, call, snake(call.kind), over, reads)


def _reduced_over(
    writer: Writer, call: Call, kind: str, axes: tuple[int, ...], reads: Sequence[Value]
) -> list[Value]:
    shape = reads[0].shape
    left = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    (made,) = writer.step(call, kind, axes, reads, [left])
    return [dataclasses.replace(made, shape=call.outputs[0].shape)]


OF_LAYERS: dict[str, Rule] = {
    "Identity": _nothing,
    "Activation": _activation_layer,
    "ReLU": _of_one(lambda o, _: relu(o.max_value, o.negative_slope, o.threshold)),
    "LeakyReLU": _of_one(lambda o, _: relu(slope=o.negative_slope)),
    "ELU": _of_one(lambda o, _: ("elu", float(np.float32(o.alpha)))),
    "Softmax": _of_one(lambda o, rank: ("softmax", plain(o.axis, "axis", rank))),
    "Dropout": _dropout,
    "Flatten": _reshaped,
    "Reshape": _reshaped,
    "Permute": _transposed,
    "Rescaling": _rescaled,
    **{name: _merged(name.lower()) for name in ("Add", "Multiply", "Maximum", "Minimum")},
    "Subtract": _merged("subtract"),
    **{f"GlobalAveragePooling{n}D": _pooled_whole("mean") for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": _pooled_whole("max") for n in (1, 2, 3)},
}
OF_OPERATIONS: dict[str, Rule] = {
    "Identity": _nothing,
    "Relu": _of_one(lambda o, _: relu()),
    "Relu6": _of_one(lambda o, _: relu(6.0)),
    "ReLU": _of_one(lambda o, _: relu(o.max_value, o.negative_slope, o.threshold)),
    "LeakyRelu": _of_one(lambda o, _: relu(slope=o.negative_slope)),
    "Elu": _of_one(lambda o, _: ("elu", float(np.float32(o.alpha)))),
    "Softmax": _of_one(lambda o, rank: ("softmax", plain(o.axis, "axis", rank))),
    "LogSoftmax": _of_one(lambda o, rank: ("log_softmax", plain(o.axis, "axis", rank))),
    **dict.fromkeys(("Reshape", "Squeeze", "ExpandDims"), _reshaped),
    **dict.fromkeys(("Transpose", "Swapaxes"), _transposed),
    "Cast": _cast,
    "Clip": _clipped,
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Divide", "TrueDivide"), _of_two),
    **dict.fromkeys(("Maximum", "Minimum"), _of_two),
    **dict.fromkeys(("Mean", "Sum", "Max", "Min"), _reduced),
}
