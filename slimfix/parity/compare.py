"""Measures how far two tensors are apart and gives the verdict."""

from __future__ import annotations

import numpy as np

from slimfix.parity.result import Verdict

# Two programs of one function, both in float64, differ by rounding: 1e-16 a step, some 1e-13 after
# a deep network. A wrong epsilon, statistic or padding is far above. The line lies between.
SAME_FUNCTION = 1e-9

# Rounding is random: the error of an equally good program varies by a few times from run to run.
FEW_TIMES = 4.0
# Below a few units in the last place the original's own error is luck, and no measure.
ROUNDING_FLOOR = 8 * float(np.finfo(np.float32).eps)

# A channel that is nearly silent has the rounding of the louder ones that cancelled out in it.
_SILENT = 1e-3


def relative_error(values: np.ndarray, reference: np.ndarray) -> float:
    """Returns the largest error, each channel measured against its own largest value.

    Args:
      values: any float dtype, [..., channels].
      reference: float64, same shape; or integers or booleans, which have no small error.
    Returns: float, no unit; inf where shapes differ or where only one side is finite, and where
      any integer or boolean is another.
    """
    if values.shape != reference.shape:
        return float("inf")
    if reference.size == 0:
        return 0.0
    if not _is_float(reference):
        return 0.0 if np.array_equal(values, reference) else float("inf")
    values, reference = np.atleast_1d(values, reference)
    with np.errstate(invalid="ignore"):
        difference = np.subtract(values, reference, dtype=np.float64)
    np.abs(difference, out=difference)
    if not np.all(np.isfinite(difference)):
        difference[(values == reference) | (np.isnan(values) & np.isnan(reference))] = 0.0
        if not np.all(np.isfinite(difference)):
            return float("inf")
    over = tuple(range(reference.ndim - 1))
    worst = difference.max(axis=over)
    largest = np.abs(reference, out=difference)
    largest[~np.isfinite(largest)] = 0.0
    loudest = largest.max(axis=over)
    scale = np.maximum(loudest, _SILENT * loudest.max())
    return float(
        np.max(np.divide(worst, scale, out=np.where(worst > 0, np.inf, 0.0), where=scale > 0))
    )


def equal_bits(values: np.ndarray, others: np.ndarray) -> bool:
    """Tells whether two arrays are equal to the bit; of numbers without rounding, in value."""
    if not _is_float(others):
        return np.array_equal(values, others)
    return values.tobytes() == others.tobytes()


def _is_float(array: np.ndarray) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))


def judge(
    function_error: float, original_error: float, keras_error: float, equal_bits: bool
) -> Verdict:
    """Returns the verdict on one tensor.

    Args:
      function_error: float64 model against float64 original.
      original_error: float32 original against float64.
      keras_error: float32 model against float64.
      equal_bits: the two float32 values are equal to the bit.
    """
    if not function_error <= SAME_FUNCTION:
        return Verdict.DIFFERENT
    if equal_bits:
        return Verdict.IDENTICAL
    if keras_error <= FEW_TIMES * max(original_error, ROUNDING_FLOOR):
        return Verdict.EQUIVALENT
    return Verdict.DEGRADED
