"""Reads convolutions of any rank, however the graph writes them: which window slides over what."""

from __future__ import annotations

import dataclasses
from typing import Sequence, Tuple, Union

from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import Kernel, read_kernel
from slimfix.migration.planner import Planner
from slimfix.migration.sizes import read_sizes

Pads = Union[str, Tuple[Tuple[int, int], ...]]  # 'same', 'valid', or (before, after) by axis.

_LAYOUTS = {"Conv2D": "NHWC", "DepthwiseConv2dNative": "NHWC", "Conv3D": "NDHWC"}


@dataclasses.dataclass(frozen=True)
class Sliding:
    """A convolution over the axes between batch and channels.

    Attributes:
      depthwise: each channel has its own kernels, [height, width, channels, multiplier].
      source: tensor name of the data.
      kernel: its spatial axes first.
      strides, dilations: by spatial axis.
      pads: zeros around the data.
    """

    depthwise: bool
    source: str
    kernel: Kernel
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: Pads

    @property
    def window(self) -> tuple[int, ...]:
        """Sizes of the kernel's spatial axes."""
        return self.kernel.shape[:-2]


def read_sliding(planner: Planner, node: Node) -> Sliding | None:
    """Returns the convolution whose result `node` gives, None if it gives no such result.

    Three forms: the op itself; between ExpandDims and Squeeze, as TensorFlow writes one over a
    single axis; either of them between SpaceToBatchND and BatchToSpaceND, as it writes dilation.
    """
    if node.op in _LAYOUTS:
        return _plain(planner, node)
    if node.op == "Squeeze":
        return _one_axis(planner, node)
    if node.op == "BatchToSpaceND":
        return _dilated(planner, node)
    return None


def _plain(planner: Planner, node: Node) -> Sliding | None:
    kernel = read_kernel(planner, node.inputs[1])
    return read_plain(node, kernel) if kernel else None


def read_plain(node: Node, kernel: Kernel) -> Sliding | None:
    """Returns the convolution that a Conv2D, DepthwiseConv2dNative or Conv3D does with `kernel`."""
    layout = _LAYOUTS[node.op]
    strides = node.attr("strides")
    dilations = node.attr("dilations") or [1] * len(layout)
    pads = _pads(node)
    if pads is None or node.attr("data_format", layout) != layout:
        return None
    if (strides[0], strides[-1], dilations[0], dilations[-1]) != (1, 1, 1, 1):
        return None
    depthwise = node.op == "DepthwiseConv2dNative"
    # TensorFlow 1 ignored this op's dilation on CPUs, TensorFlow 2 does not: nobody can tell. Most
    # of its kernels, all for float64, refuse unequal strides.
    if depthwise and (max(dilations) > 1 or strides[1] != strides[2]):
        return None
    # A window of one has nothing to spread.
    spread = [1 if size == 1 else d for size, d in zip(kernel.shape, dilations[1:-1])]
    return Sliding(depthwise, node.inputs[0], kernel, tuple(strides[1:-1]), tuple(spread), pads)


def _pads(node: Node) -> Pads | None:
    padding = node.attr("padding")
    if padding in ("SAME", "VALID"):
        return str(padding).lower()
    explicit = node.attr("explicit_paddings") or []
    pairs = tuple(zip(explicit[::2], explicit[1::2]))
    if padding != "EXPLICIT" or not pairs or pairs[0] != (0, 0) or pairs[-1] != (0, 0):
        return None
    return pairs[1:-1]


def _one_axis(planner: Planner, node: Node) -> Sliding | None:
    """[batch, width, channels] as [batch, 1, width, channels], and its kernel alike."""
    inner = planner.producer(node.inputs[0], "Conv2D")
    before = planner.producer(inner.inputs[0], "ExpandDims") if inner else None
    if inner is None or before is None or not planner.only_consumer_is(node.inputs[0], node):
        return None
    axis, added = node.attr("squeeze_dims"), planner.constant(before.inputs[1])
    found = _plain(planner, inner)
    if found is None or added is None or axis not in ([1], [-3]) or int(added) not in (1, -3):
        return None
    no_pads = isinstance(found.pads, str) or found.pads[0] == (0, 0)
    if found.window[0] != 1 or not no_pads:
        return None
    return dataclasses.replace(
        found,
        source=before.inputs[0],
        kernel=found.kernel.reshaped(found.kernel.shape[1:]),
        strides=found.strides[1:],
        dilations=found.dilations[1:],
        pads=found.pads if isinstance(found.pads, str) else found.pads[1:],
    )


def _dilated(planner: Planner, node: Node) -> Sliding | None:
    """Every d-th pixel becomes an image of its own, so that a dense kernel reads every d-th.

    The graph pads so far that d divides the size, and crops what that adds. Padding minus crop is
    what the convolution itself has.
    Source: tensorflow:tensorflow/python/ops/nn_ops.py, `required_space_to_batch_paddings`.
    """
    inner = planner.producer(node.inputs[0], "Conv2D", "DepthwiseConv2dNative", "Conv3D", "Squeeze")
    found = read_sliding(planner, inner) if inner else None
    if found is None or not planner.only_consumer_is(node.inputs[0], node):
        return None
    before = planner.producer(found.source, "SpaceToBatchND")
    blocks = planner.constant(node.inputs[1])
    if before is None or blocks is None or found.pads != "valid":
        return None
    same_blocks = planner.constant(before.inputs[1])
    if same_blocks is None or blocks.tolist() != same_blocks.tolist():
        return None
    if len(blocks) > len(found.strides) or {*found.strides, *found.dilations} != {1}:
        return None
    pads = _sandwich_pads(planner, before.inputs[2], node.inputs[2])
    # Blocks may leave the last axes out; these are convolved as they are.
    missing = len(found.strides) - len(blocks)
    if pads is None:
        return None
    dilations = tuple(int(block) for block in blocks) + (1,) * missing
    return dataclasses.replace(
        found,
        source=before.inputs[0],
        dilations=dilations,
        pads=as_padding((*pads, *[(0, 0)] * missing), found.window, dilations),
    )


def _sandwich_pads(
    planner: Planner, paddings: str, crops: str
) -> tuple[tuple[int, int], ...] | None:
    wide, cut = read_sizes(planner, paddings), read_sizes(planner, crops)
    if wide is None or cut is None or wide.shape != cut.shape:
        return None
    pairs: list[tuple[int, int]] = []
    for (before, after), (first, last) in zip(wide, cut):
        pair = [(before - first).known, (after - last).known]
        if pair[0] is None or pair[1] is None or min(pair[0], pair[1]) < 0:
            return None
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


def as_padding(
    pads: Sequence[tuple[int, int]], window: Sequence[int], dilations: Sequence[int]
) -> Pads:
    """Returns 'same' or 'valid' where pads amount to that with a stride of one, else the pads."""
    if not any(before or after for before, after in pads):
        return "valid"
    totals = [(size - 1) * dilation for size, dilation in zip(window, dilations)]
    if list(pads) == [(total // 2, total - total // 2) for total in totals]:
        return "same"
    return tuple(pads)


def same_pads(
    sizes: Sequence[int | None],
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[tuple[int, int], ...] | None:
    """Returns what SAME pads for data of known sizes; None where one is not known.

    Source: tensorflow:tensorflow/core/framework/kernel_shape_util.cc,
    `GetWindowedOutputSizeVerboseV2`.
    """
    pairs = []
    for size, width, stride, dilation in zip(sizes, window, strides, dilations):
        if size is None:
            return None
        covered = (-(-size // stride) - 1) * stride + (width - 1) * dilation + 1
        total = max(covered - size, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)
