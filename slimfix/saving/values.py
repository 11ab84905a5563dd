"""Compares two values of a variable bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np


def describe_difference(one: Any, other: Any) -> str | None:
    """Returns in words how two values differ, or None where they are the same bits.

    NaN equals the same NaN, and -0.0 differs from 0.0.

    Args:
      one, other: arrays of any dtype that TensorFlow has, strings (bytes) included.
    """
    one, other = _as_array(one), _as_array(other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{list(one.shape)} {one.dtype} against {list(other.shape)} {other.dtype}"
    if one.dtype == object:
        different = one != other
    else:
        different = _bytes_of(one) != _bytes_of(other)
        if different.ndim:
            different = different.any(axis=-1)
    number = int(np.sum(different))
    if not number:
        return None
    text = f"{number} of {one.size} values differ"
    if one.dtype.kind in "fiu":
        # NaN and infinity have no distance.
        with np.errstate(invalid="ignore"):
            distances = np.abs(one.astype(np.float64) - other.astype(np.float64))
        finite = distances[np.isfinite(distances)]
        text += f", by up to {np.max(finite):.3g}" if finite.size else ""
    return text


def _as_array(value: Any) -> np.ndarray:
    """A session gives a scalar string as bytes, for which NumPy would make a type of its own."""
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind in "SU" else array


def _bytes_of(array: np.ndarray) -> np.ndarray:
    """Returns uint8 [number of values, bytes of each]."""
    content = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    return content.reshape(array.size, array.dtype.itemsize)
