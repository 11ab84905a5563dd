"""Transposed convolution, whose output size the graph says and Keras computes."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import read_kernel, regularizer
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
    strides, rank = tuple(strides[1:-1]), len(layout) - 2
    window = kernel.shape[:rank]
    wanted = wanted[-rank:] if len(wanted) == rank else wanted[1:-1]  # 3-D may leave the ends out.
    made = [_made(*each, padding) for each in zip(given[1:-1], window, strides)]
    config: dict[str, Any] = {
        "filters": kernel.shape[-2],
        "kernel_size": window,
        "strides": strides,
        "padding": padding.lower(),
        "kernel_regularizer": regularizer(planner, kernel),
        **_LAST,
    }
    after: tuple[Stage, ...] = ()
    if list(wanted) != made:
        cropping = _cropping(wanted, given[1:-1], window, strides, padding)
        if cropping is None:
            return None
        config["padding"] = "valid"
        after = (Stage(f"layers.Cropping{rank}D", {"cropping": cropping, **_LAST}),)
    target = f"layers.Conv{rank}DTranspose"
    weights = (kernel.record(planner, "kernel"),)
    return Product(source, target, config, weights, kernel.shape[-2], after=after)


def _made(size: Size, window: int, stride: int, padding: str) -> Size:
    """Source: keras:keras/src/backend/common/backend_utils.py,
    `_compute_conv_transpose_output_length`."""
    extra = max(window - stride, 0) if padding == "VALID" else 0
    return size.times(stride) + Size(extra)


def _cropping(
    wanted: Iterable[Size],
    given: Sequence[Size],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
) -> tuple[tuple[int, int], ...] | None:
    """Returns what to cut off VALID's result; None where a size is not known, or nothing is over.

    The convolution whose gradient this is pads its data, of the wanted size, at the front by half
    of what its windows reach over. There the gradient reaches over, too.
    """
    pairs = []
    for each in zip(wanted, given, window, strides):
        size, whole = each[0].known, _made(*each[1:], "VALID").known
        if size is None or whole is None:
            return None
        count, width, stride = each[1].constant, each[2], each[3]
        over = max((count - 1) * stride + width - size, 0) if padding == "SAME" else 0
        pair = (over // 2, whole - over // 2 - size)
        if min(pair) < 0:
            return None
        pairs.append(pair)
    return tuple(pairs)
