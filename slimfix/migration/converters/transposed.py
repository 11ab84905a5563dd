"""Transposed convolution, whose output size the graph says and Keras computes."""

from __future__ import annotations

import dataclasses
from typing import Any, Sequence

from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import Kernel, read_kernel, regularizer
from slimfix.migration.converters.product import Product, Stage
from slimfix.migration.planner import Planner
from slimfix.migration.sizes import Size, read_sizes, sizes_of

_LAST = {"data_format": "channels_last"}
_LAYOUTS = {"Conv2DBackpropInput": "NHWC", "Conv3DBackpropInputV2": "NDHWC"}


def read_transposed(planner: Planner, node: Node) -> Product | None:
    """Returns the gradient of a convolution by its data, used as a layer.

    Keras makes size * stride of SAME, and size * stride + max(window - stride, 0) of VALID. Any
    other size that the graph asks for is cut out of what VALID makes.
    """
    upward = _one_axis(planner, node) if node.op == "Squeeze" else _plain(planner, node)
    if upward is None:
        return None
    rank, kernel, padding = len(upward.strides), upward.kernel, upward.padding
    axes = list(zip(upward.given, kernel.shape, upward.strides))
    config: dict[str, Any] = {
        "filters": kernel.shape[-2],
        "kernel_size": kernel.shape[:rank],
        "strides": upward.strides,
        "padding": padding.lower(),
        "kernel_regularizer": regularizer(planner, kernel),
        **_LAST,
    }
    after: tuple[Stage, ...] = ()
    if list(upward.wanted) != [_made(*axis, padding) for axis in axes]:
        pairs = [_cropping(size, *axis, padding) for size, axis in zip(upward.wanted, axes)]
        if None in pairs:
            return None
        config["padding"] = "valid"
        after = (_cropped(pairs),)
    target = f"layers.Conv{rank}DTranspose"
    weights = (kernel.record(planner, "kernel"),)
    return Product(upward.source, target, config, weights, kernel.shape[-2], after=after)


@dataclasses.dataclass(frozen=True)
class _Upward:
    """A transposed convolution: sizes that it is given and that it is to make, by spatial axis."""

    source: str
    kernel: Kernel
    given: tuple[Size, ...]
    wanted: tuple[Size, ...]
    strides: tuple[int, ...]
    padding: str


def _plain(planner: Planner, node: Node) -> _Upward | None:
    sizes, filters, source = node.inputs
    kernel = read_kernel(planner, filters)
    layout, strides = _LAYOUTS[node.op], node.attr("strides")
    padding = node.attr("padding")
    if kernel is None or node.attr("data_format", layout) != layout:
        return None
    if set(node.attr("dilations") or [1]) != {1} or (strides[0], strides[-1]) != (1, 1):
        return None
    wanted, given = read_sizes(planner, sizes), sizes_of(planner, source)
    if wanted is None or given is None or padding not in ("SAME", "VALID"):
        return None
    rank = len(layout) - 2
    wanted = wanted if len(wanted) == rank else wanted[1:-1]  # TensorFlow 2 may leave ends out.
    spatial = given[1:-1]
    return _Upward(source, kernel, spatial, tuple(wanted), tuple(strides[1:-1]), padding)


def _one_axis(planner: Planner, node: Node) -> _Upward | None:
    """[batch, width, channels] as [batch, 1, width, channels], and its kernel alike."""
    inner = planner.producer(node.inputs[0], "Conv2DBackpropInput")
    before = planner.producer(inner.inputs[2], "ExpandDims") if inner else None
    found = _plain(planner, inner) if inner else None
    if before is None or found is None or not planner.only_consumer_is(node.inputs[0], node):
        return None
    axis, added = node.attr("squeeze_dims"), planner.constant(before.inputs[1])
    if added is None or axis not in ([1], [-3]) or int(added) not in (1, -3):
        return None
    if found.kernel.shape[0] != 1 or found.strides[0] != 1 or found.wanted[0] != Size(1):
        return None
    return _Upward(
        before.inputs[0],
        found.kernel.reshaped(found.kernel.shape[1:]),
        found.given[1:],
        found.wanted[1:],
        found.strides[1:],
        found.padding,
    )


def _cropped(pairs: Sequence[tuple[int, int] | None]) -> Stage:
    if len(pairs) == 1:  # Keras's layer knows one order of axes only.
        return Stage("layers.Cropping1D", {"cropping": pairs[0]})
    return Stage(f"layers.Cropping{len(pairs)}D", {"cropping": tuple(pairs), **_LAST})


def _made(size: Size, window: int, stride: int, padding: str) -> Size:
    """Source: keras:keras/src/backend/common/backend_utils.py,
    `_compute_conv_transpose_output_length`."""
    extra = max(window - stride, 0) if padding == "VALID" else 0
    return size.times(stride) + Size(extra)


def _cropping(
    wanted: Size, given: Size, window: int, stride: int, padding: str
) -> tuple[int, int] | None:
    """Returns what to cut off VALID's result; None where a size is not known, or nothing is over.

    The convolution whose gradient this is pads its data, of the wanted size, at the front by half
    of what its windows reach over. There the gradient reaches over, too.
    """
    size, count, whole = wanted.known, given.known, _made(given, window, stride, "VALID").known
    if size is None or count is None or whole is None:
        return None
    over = max((count - 1) * stride + window - size, 0) if padding == "SAME" else 0
    pair = (over // 2, whole - over // 2 - size)
    return pair if min(pair) >= 0 else None
