"""Measures how far two tensors are apart and gives the verdict."""

from __future__ import annotations

import dataclasses
from typing import Sequence

import numpy as np

from slimfix.parity.verdicts import Verdict

# Two programs of one function, both in float64, differ by rounding: 1e-16 a step, some 1e-13 after
# a deep network. A wrong epsilon, statistic or padding is far above. The line lies between.
SAME_FUNCTION = 1e-9
# What lies below needs no measure of what rounding does there.
SURELY_ROUNDING = 1e-12

# Rounding is random: the error of an equally good program varies by a few times from run to run.
FEW_TIMES = 4.0
# Below a few units in the last place the original's own error is luck, and no measure.
ROUNDING_FLOOR = 8 * float(np.finfo(np.float32).eps)

# A recording by another TensorFlow rounds in another order; a wrong one is off by far more.
_RECORDING_FACTOR = 16.0
# Two programs that round otherwise drift apart by some times what one of them moves by where its
# inputs and weights are moved in the last place: each of their steps rounds, too.
_AMPLIFIED = 64.0

# Float32 has less than two digits of what cancelled out so far.
_CANCELLED = 1e-2

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
    return Ruler(reference).measure(values).relative


@dataclasses.dataclass(frozen=True)
class Error:
    """How far a tensor is from the float64 original.

    Attributes:
      relative: see `relative_error`.
      ulps: the largest error in units in the last place, each channel measured in the spacing of
        float32 numbers at its largest value.
    """

    relative: float
    ulps: float


_NONE, _BEYOND = Error(0.0, 0.0), Error(float("inf"), float("inf"))


class Ruler:
    """Measures tensors against one float64 reference.

    Attributes:
      reference: as of `relative_error`.
      largest: its largest absolute finite value.
      silent: number of its channels that are zero everywhere.
    """

    def __init__(self, reference: np.ndarray, least: float = 0.0):
        """Takes the reference. What is measured against a channel is measured against at least
        `least`, in the reference's own unit."""
        self.reference = reference
        self._is_exact = reference.size == 0 or not _is_float(reference)
        self._wide = np.atleast_1d(reference)
        self._over = tuple(range(self._wide.ndim - 1))
        if reference.size == 0:
            self.largest, self.silent = 0.0, 0
            return
        loudest = _largest(self._wide, self._over)
        self.largest = float(loudest.max())
        self.silent = int(np.sum(loudest == 0))
        self._scale = np.maximum(loudest, max(_SILENT * self.largest, least))

    def measure(self, values: np.ndarray) -> Error:
        """Returns the error of a tensor."""
        reference = self.reference
        if values.shape != reference.shape:
            return _BEYOND
        if self._is_exact and _is_float(values) and self.reference.size:
            return _BEYOND  # Whole numbers or booleans, and none here.
        if self._is_exact:
            return _NONE if np.array_equal(values, reference) else _BEYOND
        values, reference = np.atleast_1d(values), self._wide
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.subtract(values, reference, dtype=np.float64)
        np.abs(difference, out=difference)
        worst = difference.max(axis=self._over)
        if not np.all(np.isfinite(worst)):
            difference[(values == reference) | (np.isnan(values) & np.isnan(reference))] = 0.0
            worst = difference.max(axis=self._over)
            if not np.all(np.isfinite(worst)):
                return _BEYOND
        with np.errstate(invalid="ignore", over="ignore"):
            spacing = np.spacing(self._scale.astype(np.float32)).astype(np.float64)
        return Error(_worst_share(worst, self._scale), _worst_share(worst, spacing))


def _largest(reference: np.ndarray, over: tuple[int, ...]) -> np.ndarray:
    """Returns the largest absolute finite value of each channel, float64 [channels]."""
    if not _is_float(reference):
        return np.max(np.abs(reference.astype(np.float64)), axis=over)
    largest = np.maximum(reference.max(axis=over), -reference.min(axis=over))
    if np.all(np.isfinite(largest)):
        return np.asarray(largest, np.float64)
    finite = np.where(np.isfinite(reference), np.abs(reference), 0.0)
    return np.asarray(finite.max(axis=over), np.float64)


def _worst_share(worst: np.ndarray, scale: np.ndarray) -> float:
    share = np.where(worst > 0, np.inf, 0.0)
    return float(np.max(np.divide(worst, scale, out=share, where=scale > 0)))


def equal_bits(values: np.ndarray, others: np.ndarray) -> bool:
    """Tells whether two arrays are equal to the bit; of numbers without rounding, in value."""
    if not _is_float(others):
        return np.array_equal(values, others)
    return values.tobytes() == others.tobytes()


def _is_float(array: np.ndarray) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))


def loses_finite(values: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    """Tells whether an array is NaN or infinite where each of the others is finite."""
    if not _is_float(values) or any(other.shape != values.shape for other in others):
        return False
    finite = np.logical_and.reduce([np.isfinite(other) for other in others])
    return bool(np.any(finite & ~np.isfinite(values)))


def rounding_floor(dtype: np.dtype) -> float:
    """Returns below what the error of a tensor of some dtype in the original says nothing."""
    return SURELY_ROUNDING if dtype == np.float64 else ROUNDING_FLOOR


def cancelled_terms(exact: np.ndarray, rerun: np.ndarray) -> float:
    """Returns how large the terms are of a sum that is zero but for rounding; 0.0 for another.

    Such is the gradient of a bias before a batch norm: terms cancel out, and what is left is
    rounding on every side, in most of its elements. How large they are, that rounding tells.

    Args:
      exact: in float64.
      rerun: in float32, same shape.
    """
    there = exact != 0
    rounding = float(np.median(np.abs(rerun - exact)[there])) if np.any(there) else 0.0
    typical = float(np.median(np.abs(exact)[there])) if np.any(there) else 0.0
    if rounding <= _CANCELLED * typical or not np.isfinite(rounding):
        return 0.0
    return rounding / float(np.finfo(np.float32).eps)


def recorded_limit(own: float) -> float:
    """Returns how far a recording may be off, where the original is off by `own` now.

    Another TensorFlow rounds in another order; a recording of another network is off by far more.
    """
    return _RECORDING_FACTOR * max(own, ROUNDING_FLOOR)


def noise_limit(own: float) -> float:
    """Returns how far float64 may be off after many steps, of which each amplifies rounding.

    Args:
      own: what became of a change of the first weights in the last place.
    """
    return max(SAME_FUNCTION, rounding_limit(own))


def rounding_limit(own: float) -> float:
    """Returns how far two programs of one function may be apart.

    Args:
      own: what becomes, in one of them, of a change of inputs and weights in the last place.
    """
    return _AMPLIFIED * own


def judge(
    function_error: float,
    original_error: float,
    keras_error: float,
    equal_bits: bool,
    limit: float = SAME_FUNCTION,
    floor: float = ROUNDING_FLOOR,
) -> Verdict:
    """Returns the verdict on one tensor.

    Args:
      function_error: float64 model against float64 original.
      original_error: float32 original against float64.
      keras_error: float32 model against float64.
      equal_bits: the two float32 values are equal to the bit.
      limit: of function_error.
      floor: what the original's error counts for at least; see `rounding_floor`.
    """
    if not function_error <= limit:
        return Verdict.DIFFERENT
    if equal_bits:
        return Verdict.IDENTICAL
    return judge_float32(original_error, keras_error, floor)


def judge_float32(
    original_error: float, keras_error: float, floor: float = ROUNDING_FLOOR
) -> Verdict:
    """Returns the verdict on a tensor that is the same function, as of `judge`."""
    if keras_error <= FEW_TIMES * max(original_error, floor):
        return Verdict.EQUIVALENT
    return Verdict.DEGRADED
