"""Parts of a tensor: slices, single indices, gathered rows, splits."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration.converters.elementwise import argument, is_computed
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts
from slimfix.migration.target_shape import BATCH, target_shape


@converts("StridedSlice")
def strided_slice(planner: Planner, node: Node) -> LayerRecord | None:
    """x[begin:end:stride, ...] with all that NumPy's notation has; masks as TensorFlow reads them.

    Source: tensorflow:tensorflow/core/ops/array_ops.cc, StridedSlice.
    """
    shape = planner.shape(node.inputs[0])
    bounds = [target_shape(planner, tensor) for tensor in node.inputs[1:]]
    if shape is None or None in bounds or not is_computed(planner, node.inputs[0]):
        return None
    key = _key(node, len(shape), *bounds)  # type: ignore[arg-type]
    return None if key is None else _item(planner, node, key)


def _key(
    node: Node,
    rank: int,
    begin: list[int | None],
    end: list[int | None],
    strides: list[int | None],
) -> list[Any] | None:
    """Returns the index as NumPy writes it, without an ellipsis; None if only the data tells it."""

    def marked(mask: str, index: int) -> bool:
        return bool(node.attr(mask, 0) >> index & 1)

    entries = range(len(begin))
    ellipsis = next((i for i in entries if marked("ellipsis_mask", i)), None)
    new_axes = {i for i in entries if marked("new_axis_mask", i) and i != ellipsis}
    indexed = len(begin) - len(new_axes) - (ellipsis is not None)
    left_out = [slice(None)] * (rank - indexed)
    key: list[Any] = []
    for index in entries:
        if index == ellipsis:
            key += left_out
        elif index in new_axes:
            key.append(None)
        elif marked("shrink_axis_mask", index):
            if begin[index] is None:
                return None
            key.append(begin[index])
        else:
            first = 0 if marked("begin_mask", index) else begin[index]
            last = 0 if marked("end_mask", index) else end[index]
            if first is None or last is None or strides[index] is None:
                return None
            step = None if strides[index] == 1 else strides[index]
            start = None if marked("begin_mask", index) or (not step and not first) else first
            key.append(slice(start, None if marked("end_mask", index) else last, step))
    return key if ellipsis is not None else key + left_out


@converts("Slice")
def sliced(planner: Planner, node: Node) -> LayerRecord | None:
    begin, size = (target_shape(planner, tensor) for tensor in node.inputs[1:])
    if begin is None or size is None or not is_computed(planner, node.inputs[0]):
        return None
    key: list[Any] = []
    for start, length in zip(begin, size):
        if start is None or start < 0 or length is None:
            return None
        stop = length if length < 0 else start + length
        key.append(slice(start or None, None if stop == -1 else stop))
    return _item(planner, node, key)


def _item(planner: Planner, node: Node, key: list[Any]) -> LayerRecord | None:
    """Returns the record of x[key], if it leaves the batch whole."""
    source = node.inputs[0]
    shape = planner.shape(source) or ()
    axis = 0
    plain: list[Any] = []
    for entry in key:
        if entry is not None:
            whole = _is_whole(entry, shape[axis], (planner.batch_axes(source) or {0: 1}).get(axis))
            if planner.is_batch(source, axis) and not whole:
                return None
            entry = slice(None) if whole else entry
            axis += 1
        plain.append(entry)
    if any(_holds_batch(entry) for entry in plain):
        return None
    if all(entry == slice(None) for entry in plain):
        return planner.layer("layers.Identity", node.name, [source], node, {})
    while plain[-1] == slice(None):
        plain.pop()
    return planner.layer("ops.get_item", node.name, [source], node, {"key": tuple(plain)})


def _is_whole(entry: Any, size: int | None, batches: int | None) -> bool:
    """Tells whether an entry takes all of an axis, which has `batches` times the batch's size."""
    if not isinstance(entry, slice) or entry.step is not None or entry.start is not None:
        return False
    stop = entry.stop
    if stop is None or stop == BATCH:
        return stop is None or batches == 1
    return size is not None and stop >= size


def _holds_batch(entry: Any) -> bool:
    bounds = (entry.start, entry.stop) if isinstance(entry, slice) else (entry,)
    return BATCH in bounds


@converts("Gather", "GatherV2")
def gather(planner: Planner, node: Node) -> LayerRecord | None:
    """Constant places of a tensor, or a constant table at computed places."""
    table, indices = planner.constant(node.inputs[0]), planner.constant(node.inputs[1])
    shape = planner.shape(node.inputs[0])
    axis = planner.constant(node.inputs[2]) if node.op == "GatherV2" else np.zeros((), np.int32)
    if axis is None or not shape or node.attr("batch_dims", 0) != 0:
        return None
    along = int(axis) % len(shape)
    if table is not None and is_computed(planner, node.inputs[1]):
        if along != 0:
            return None
        config = {"x": table, "axis": 0}
        return planner.layer("ops.take", node.name, [node.inputs[1]], node, config)
    if indices is None or not is_computed(planner, node.inputs[0]):
        return None
    if planner.is_batch(node.inputs[0], along):
        return None
    # JAX has no int64 by default.
    config = {"indices": argument(indices.astype(np.int32)), "axis": along}
    return planner.layer("ops.take", node.name, [node.inputs[0]], node, config)


@converts("Split", "SplitV")
def split(planner: Planner, node: Node) -> LayerRecord | None:
    """Equal parts, or parts of given sizes of which one may be -1: what is left."""
    axis_input, source = (0, node.inputs[1]) if node.op == "Split" else (2, node.inputs[0])
    axis = planner.constant(node.inputs[axis_input])
    shape = planner.shape(source)
    if axis is None or not shape or not is_computed(planner, source):
        return None
    along = int(axis) % len(shape)
    count = node.attr("num_split")
    if planner.is_batch(source, along) or shape[along] is None:
        return None
    parts: Any = count
    if node.op == "SplitV":
        sizes = planner.constant(node.inputs[1])
        if sizes is None:
            return None
        rest = shape[along] - int(sizes[sizes >= 0].sum())  # type: ignore[operator]
        ends = np.cumsum(np.where(sizes < 0, rest, sizes))
        parts = tuple(int(end) for end in ends[:-1])
    if count == 1:
        return planner.layer("layers.Identity", node.name, [source], node, {})
    config = {"indices_or_sections": parts, "axis": along}
    return planner.layer("ops.split", node.name, [source], node, config, output_count=count)


@converts("Unpack")
def unstack(planner: Planner, node: Node) -> LayerRecord | None:
    source = node.inputs[0]
    shape = planner.shape(source)
    if not shape or not is_computed(planner, source):
        return None
    along, count = node.attr("axis", 0) % len(shape), node.attr("num")
    if planner.is_batch(source, along):
        return None
    config = {"num": count, "axis": along}
    return planner.layer("ops.unstack", node.name, [source], node, config, output_count=count)
