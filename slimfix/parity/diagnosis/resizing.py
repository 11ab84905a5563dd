"""Guesses about resizing images: where old and new pixels lie."""

from __future__ import annotations

import itertools
from typing import Any, Iterator

import numpy as np

from slimfix.parity.diagnosis.chain import Repair
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.segment import Segment

_KINDS = ("Resizing", "UpSampling2D", "Resize")

# How the place of a new pixel among the old ones is found.
_PLACES = {
    "legacy corners (half_pixel_centers=False)": "legacy",
    "half pixel centres": "half",
    "aligned corners": "aligned",
}


def guess_resizing(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields each other way in which TensorFlow 1 resizes."""
    step = segment.chain.steps[index]
    if step.kind not in _KINDS or len(segment.expected.shape) != 4:
        return
    size = segment.expected.shape[1:3]
    for way, (text, places) in itertools.product(("bilinear", "nearest"), _PLACES.items()):
        yield Hypothesis(
            f"resize in place of {way} with {text}", {index: _resize(way, places, size)}
        )


def _resize(way: str, places: str, size: tuple[int, ...]) -> Repair:
    def resized(values: Any) -> np.ndarray:
        made = np.asarray(values)
        rows, columns = (
            _weights(way, places, before, after) for before, after in zip(made.shape[1:3], size)
        )
        return np.einsum("ah,nhwc,bw->nabc", rows, made, columns, optimize=True)

    return resized


def _weights(way: str, places: str, before: int, after: int) -> np.ndarray:
    """Returns float64 [after, before]: what each old pixel gives to each new one.

    Coordinates are float32, as TensorFlow's are.
    Source: tensorflow:tensorflow/core/kernels/image/resize_bilinear_op.cc and
      resize_nearest_neighbor_op.cc.
    """
    aligned = places == "aligned" and after > 1
    scale = np.float32(before - 1 if aligned else before) / np.float32(
        after - 1 if aligned else after
    )
    half = np.float32(0.5 if places == "half" else 0.0)
    pixels = (np.arange(after, dtype=np.float32) + half) * scale
    old = np.arange(before)
    if way == "nearest":
        nearest = np.floor(pixels + np.float32(0.5)) if aligned else np.floor(pixels)
        return np.equal.outer(np.clip(nearest, 0, before - 1), old).astype(np.float64)
    exact = pixels - half
    below = np.floor(exact)
    share = (exact - below).astype(np.float64)[:, None]
    lower = np.equal.outer(np.clip(below, 0, before - 1), old)
    upper = np.equal.outer(np.clip(below + 1, 0, before - 1), old)
    return lower * (1.0 - share) + upper * share
