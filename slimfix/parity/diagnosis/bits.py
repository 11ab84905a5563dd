"""Says in a few words what an array is, beside the one that it should be."""

from __future__ import annotations

import itertools
from typing import Callable, Iterator

import numpy as np

# Two float32 numbers times one constant differ from one factor by their own rounding.
_SAME_FACTOR = 1e-6
_FEW_ULPS = 64
_NARROW = ("float16", "bfloat16")


def describe(found: np.ndarray, wanted: np.ndarray, name: str = "") -> str:
    """Returns a clause on an array that is not the one it should be: 'is the variable negated'.

    Args:
      found: any shape and dtype.
      wanted: likewise, what it should be.
      name: of the weight; a variance may be off by N/(N-1), and kernels have an order of axes.
    Returns: never empty.
    """
    if found.shape != wanted.shape:
        return _other_shape(found, wanted)
    if found.dtype != wanted.dtype:
        return _other_dtype(found, wanted)
    clauses: tuple[Callable[[np.ndarray, np.ndarray, str], Iterator[str]], ...] = (
        _constant,
        _permuted_axes,
        _flipped,
        _permuted_channels,
        _sign,
        _scaled,
        _narrowed,
        _few_ulps,
    )
    for clause in clauses:
        for text in clause(found, wanted, name):
            return text
    return _distance(found, wanted)


def _other_shape(found: np.ndarray, wanted: np.ndarray) -> str:
    for order in itertools.permutations(range(wanted.ndim)):
        if np.array_equal(np.transpose(wanted, order), found):
            return f"is the variable with its axes in the order {list(order)}"
    if found.size == wanted.size and np.array_equal(found.ravel(), wanted.ravel()):
        return "is the variable in another shape"
    return "has another shape"


def _other_dtype(found: np.ndarray, wanted: np.ndarray) -> str:
    if np.array_equal(found, wanted):
        return f"holds the same numbers as {found.dtype}"
    return f"is {found.dtype}, with other numbers"


def _constant(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    if found.size and np.all(found == found.flat[0]) and found.flat[0] in (0, 1):
        yield f"is all {abs(found.flat[0]):g}, an initial value"


def _permuted_axes(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    axes = tuple(range(wanted.ndim))
    for order in itertools.permutations(axes):
        turned = np.transpose(wanted, order)
        if order != axes and turned.shape == found.shape and np.array_equal(turned, found):
            yield f"is the variable with its axes in the order {list(order)}"


def _flipped(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    for number in range(1, wanted.ndim - 1):
        for axes in itertools.combinations(range(wanted.ndim - 2), number):
            if np.array_equal(np.flip(wanted, axes), found):
                yield f"is the variable flipped in space, along {_axes(axes)}"


def _axes(axes: tuple[int, ...]) -> str:
    return f"{'axis' if len(axes) == 1 else 'axes'} {' and '.join(map(str, axes))}"


def _permuted_channels(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    nouns = ["channels"] if wanted.ndim == 1 else ["output channels", "input channels"]
    for back, noun in enumerate(nouns, start=1):
        order = _order(found, wanted, -back)
        if order is None:
            continue
        moved = [place for place, source in enumerate(order) if place != source]
        if len(moved) == 2:
            yield f"has {noun} {moved[0]} and {moved[1]} swapped"
        elif order == list(range(len(order)))[::-1]:
            yield f"has its {noun} in reverse order"
        else:
            yield f"has {len(moved)} of {len(order)} {noun} in another order"


def _order(found: np.ndarray, wanted: np.ndarray, axis: int) -> list[int] | None:
    """Returns which slice of `wanted` each slice of `found` is, None unless each is one."""
    slices: dict[bytes, list[int]] = {}
    moved = np.moveaxis(wanted, axis, 0)
    for place in reversed(range(len(moved))):
        slices.setdefault(moved[place].tobytes(), []).append(place)
    order = []
    for place, piece in enumerate(np.moveaxis(found, axis, 0)):
        known = slices.get(piece.tobytes())
        if not known:
            return None
        # Of slices that are alike, the one in its place, so that nothing seems to have moved.
        order.append(known.pop(known.index(place)) if place in known else known.pop())
    return order


def _sign(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    if np.array_equal(found, -wanted):
        yield "is the variable negated"
    elif np.array_equal(found, np.abs(wanted)):
        yield "is the variable's absolute values"


def _scaled(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    one, other = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    power = float(np.sum(other * other))
    if found.size < 2 or not power or not np.isfinite(power):
        return
    factor = float(np.sum(one * other)) / power
    if factor == 0 or abs(factor - 1) <= _SAME_FACTOR:
        return
    if np.all(np.abs(one - factor * other) <= _SAME_FACTOR * np.abs(one)):
        yield f"is the variable times {factor:.7g}{_of_elements(factor, name)}"


def _of_elements(factor: float, name: str) -> str:
    """Names the number of elements by which a variance was corrected, or was not.

    Source: tensorflow:tensorflow/core/kernels/fused_batch_norm_op.cc.
    """
    if name != "moving_variance":
        return ""
    larger = factor if factor > 1 else 1 / factor
    elements = round(larger / (larger - 1))
    if elements < 2 or abs(elements / (elements - 1) / larger - 1) > _SAME_FACTOR:
        return ""
    ratio = "N/(N-1)" if factor > 1 else "(N-1)/N"
    return f", which is {ratio} with N = {elements}"


def _narrowed(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    if wanted.dtype != np.float32:
        return
    import ml_dtypes

    types = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
    for narrow in _NARROW:
        if np.array_equal(wanted.astype(types[narrow]).astype(np.float32), found):
            yield f"is the variable rounded to {narrow}"


def _few_ulps(found: np.ndarray, wanted: np.ndarray, name: str) -> Iterator[str]:
    if not np.issubdtype(wanted.dtype, np.floating) or not np.all(np.isfinite(found)):
        return
    ulps = np.abs(found.astype(np.float64) - wanted) / np.spacing(np.abs(wanted))
    most = float(np.max(ulps, initial=0.0))
    if 0 < most <= _FEW_ULPS:
        unit = "ULP" if most <= 1 else "ULPs"
        number = np.count_nonzero(ulps)
        yield f"is off by up to {most:.0f} {unit} in {number} of {found.size} values"


def _distance(found: np.ndarray, wanted: np.ndarray) -> str:
    differs = found != wanted
    number = int(np.count_nonzero(differs))
    if number == 0:
        return "differs in the sign of zeros or the bits of NaN only"
    far = np.max(np.abs(found.astype(np.float64) - wanted.astype(np.float64)))
    return f"differs in {number} of {found.size} values, by up to {far:.3g}"
