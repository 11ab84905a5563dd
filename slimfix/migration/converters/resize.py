"""Resizing images as TensorFlow 1 does, between sizes that are known."""

from __future__ import annotations

import numpy as np

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.dtypes import FLOAT32, is_integer
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

_HALF = np.float32(0.5)


@converts("ResizeNearestNeighbor")
def nearest(planner: Planner, node: Node) -> LayerRecord | None:
    """Each pixel is one of the input's: repeated, or picked by constant places."""
    sizes = _sizes(planner, node)
    if sizes is None:
        return None
    places = [_nearest_places(node, before, after) for before, after in sizes]
    source = node.inputs[0]
    factors = [after // before for before, after in sizes]
    repeated = [np.repeat(np.arange(b), factor) for (b, _), factor in zip(sizes, factors)]
    if all(np.array_equal(p, r) for p, r in zip(places, repeated)):
        config = {
            "size": tuple(factors),
            "interpolation": "nearest",
            "data_format": "channels_last",
        }
        return planner.layer("layers.UpSampling2D", node.name, [source], node, config)
    rows = planner.step("ops.take", node, "rows", [source], {"indices": places[0], "axis": 1})
    return planner.layer("ops.take", node.name, [rows], node, {"indices": places[1], "axis": 2})


@converts("ResizeBilinear")
def bilinear(planner: Planner, node: Node) -> LayerRecord | None:
    """Two products with constant matrices; the op gives float32 whatever it takes."""
    sizes = _sizes(planner, node)
    shape = planner.shape(node.inputs[0])
    if sizes is None or shape is None or shape[3] is None:
        return None
    if node.attr("T", FLOAT32) != FLOAT32 and not is_integer(node):
        return None
    (_, height), (_, new_width) = sizes
    rows, columns = (_bilinear_weights(node, before, after) for before, after in sizes)
    tensor = node.inputs[0]
    if is_integer(node):
        tensor = planner.step("ops.cast", node, "float", [tensor], {"dtype": "float32"})
    if not _is_identity(columns):
        tensor = _product(planner, node, "columns", columns, tensor)
    flat = {"target_shape": (-1, new_width * shape[3])}
    tensor = planner.step("layers.Reshape", node, "flat", [tensor], flat)
    tensor = _product(planner, node, "rows", rows, tensor)
    config = {"target_shape": (height, new_width, shape[3])}
    return planner.layer("layers.Reshape", node.name, [tensor], node, config)


def _sizes(planner: Planner, node: Node) -> list[tuple[int, int]] | None:
    """Returns (before, after) of height and width, if all are known."""
    before = planner.shape(node.inputs[0])
    after = planner.shape(names.join_tensor_name(node.name, 0))
    if not before or not after or len(before) != 4:
        return None
    pairs = [(before[axis], after[axis]) for axis in (1, 2)]
    return None if any(not b or not a for b, a in pairs) else pairs  # type: ignore[return-value]


def _scale(node: Node, before: int, after: int) -> np.float32:
    """Returns the width of a new pixel in old ones.

    Source: tensorflow:tensorflow/core/kernels/image_resizer_state.h, CalculateResizeScale.
    """
    if node.attr("align_corners", False) and after > 1:
        return np.float32(before - 1) / np.float32(after - 1)
    return np.float32(before) / np.float32(after)


def _nearest_places(node: Node, before: int, after: int) -> np.ndarray:
    """Returns int32 [after]: which pixel each new one is.

    Source: tensorflow:tensorflow/core/kernels/resize_nearest_neighbor_op.cc.
    """
    pixels = np.arange(after, dtype=np.float32)
    if node.attr("half_pixel_centers", False):
        pixels = pixels + _HALF
    exact = pixels * _scale(node, before, after)
    below = np.floor(exact)
    if node.attr("align_corners", False):  # C's roundf: halves away from zero.
        below = below + (exact - below >= _HALF)
    return np.clip(below, 0, before - 1).astype(np.int32)


def _bilinear_weights(node: Node, before: int, after: int) -> np.ndarray:
    """Returns float64 [after, before]: what each pixel gives to each new one.

    Source: tensorflow:tensorflow/core/kernels/resize_bilinear_op.cc,
      compute_interpolation_weights; coordinates are float32 there.
    """
    pixels = np.arange(after, dtype=np.float32)
    scale = _scale(node, before, after)
    half = node.attr("half_pixel_centers", False)
    exact = (pixels + _HALF) * scale - _HALF if half else pixels * scale
    below = np.floor(exact)
    share = (exact - below).astype(np.float64)
    lower = np.maximum(below, 0).astype(int)
    upper = np.minimum(np.ceil(exact), before - 1).astype(int)
    weights = np.zeros((after, before))
    np.add.at(weights, (np.arange(after), lower), 1.0 - share)
    np.add.at(weights, (np.arange(after), upper), share)
    return weights


def _is_identity(weights: np.ndarray) -> bool:
    return np.array_equal(weights, np.eye(len(weights)))


def _product(planner: Planner, node: Node, label: str, weights: np.ndarray, tensor: str) -> str:
    """Plans weights @ tensor. What float32 cannot hold of the weights is a product of its own."""
    nearly = weights.astype(np.float32)
    rest = (weights - nearly).astype(np.float32)
    made = planner.step("ops.matmul", node, label, [tensor], {"x1": nearly})
    if not np.any(rest):
        return made
    small = planner.step("ops.matmul", node, f"{label}_rest", [tensor], {"x1": rest})
    return planner.step("ops.add", node, f"{label}_sum", [made, small], {})
