"""How far rounding alone moves what the original computes: the measure of every layer's limit."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.migration.conversion import Migration
from slimfix.parity import compare
from slimfix.parity.rows import LayerParity
from slimfix.parity.verdicts import Verdict
from slimfix.reference.inputs import SEED
from slimfix.reference.original import Original
from slimfix.reference.windows import split_windows

_DRAWS = 2


def judge_by_rounding(
    rows: Sequence[LayerParity], migration: Migration, feeds: Mapping[str, Any], training: bool
) -> list[LayerParity]:
    """Returns rows, those that are off by more than a little judged by what rounding does there.

    The original runs again, its inputs and weights moved in the last place. A layer that is off in
    float64 by no more than some times what that does is the same function; one that is off in
    float32 by more is not, though it may be in float64.

    Args:
      rows: of tensors of the original, as judged without that.
      migration: of the original.
      feeds: value by tensor name: inputs and switches.
      training: whether the graph is taken in training mode.
    """
    doubted = [row for row in rows if _is_off(row) and np.isfinite(row.function_error)]
    if doubted:
        moved = measure_rounding(migration, feeds, _tensors(doubted), True, training)
        rows = [_within_float64(row, moved) if row in doubted else row for row in rows]
    degraded = [row for row in rows if row.verdict is Verdict.DEGRADED]
    if degraded:
        moved = measure_rounding(migration, feeds, _tensors(degraded), False, training)
        rows = [_within_float32(row, moved) if row in degraded else row for row in rows]
    return list(rows)


def _is_off(row: LayerParity) -> bool:
    return row.verdict is Verdict.DIFFERENT and not row.cause


def _tensors(rows: Sequence[LayerParity]) -> list[str]:
    return list(dict.fromkeys(row.tensor for row in rows))


def _within_float64(row: LayerParity, moved: Mapping[str, float]) -> LayerParity:
    if row.function_error > compare.rounding_limit(moved[row.tensor]):
        return row
    floor = compare.rounding_floor(np.dtype(row.original_dtype))
    verdict = compare.judge_float32(row.original_error, row.keras_error, floor)
    return dataclasses.replace(row, verdict=verdict)


def _within_float32(row: LayerParity, moved: Mapping[str, float]) -> LayerParity:
    if not np.isfinite(row.keras_error):
        return row  # Whole numbers, that tell little from nothing; or infinity in the original.
    own = max(moved[row.tensor], row.original_error, compare.ROUNDING_FLOOR)
    if row.keras_error <= compare.rounding_limit(own):
        return row
    cause = (
        f"off by {row.keras_error:.1e} in float32, where the original's own error is "
        f"{row.original_error:.1e}, and {moved[row.tensor]:.1e} is what it moves by with inputs "
        "and weights changed in the last place"
    )
    return dataclasses.replace(row, verdict=Verdict.DIFFERENT, cause=cause)


def measure_rounding(
    migration: Migration,
    feeds: Mapping[str, Any],
    tensors: Sequence[str],
    float64: bool,
    training: bool = False,
) -> dict[str, float]:
    """Returns how far each tensor moves, relative as in LayerParity, where the inputs and weights
    of the original are moved in the last place of one precision.

    Args: as of `judge_by_rounding`; tensors: names in the original graph.
    """
    plain = _original(migration, feeds, tensors, float64, training, None)
    generators = [np.random.default_rng(SEED + draw) for draw in range(_DRAWS)]
    others = [_original(migration, feeds, tensors, float64, training, g) for g in generators]
    windows = split_windows(((tensor,), plain.size(tensor)) for tensor in tensors)
    found: dict[str, float] = {}
    for values, *moved in zip(*(each.run(windows) for each in (plain, *others))):
        for tensor, value in values.items():
            ruler = compare.Ruler(value)
            found[tensor] = max(ruler.measure(other[tensor]).relative for other in moved)
    return found


def _original(
    migration: Migration,
    feeds: Mapping[str, Any],
    tensors: Sequence[str],
    float64: bool,
    training: bool,
    generator: np.random.Generator | None,
) -> Original:
    def moved(value: Any) -> Any:
        value = np.asarray(value)
        if generator is None or value.dtype.kind != "f":
            return value
        wide = np.dtype(np.float64) if float64 else value.dtype
        signs = generator.choice(np.array([-1, 1], wide), value.shape)
        return value.astype(wide) * (1 + np.finfo(wide).eps * signs)

    def read(variable: str) -> np.ndarray:
        return moved(migration.read(variable))

    fed = {tensor: moved(value) for tensor, value in feeds.items()}
    return Original(migration.view, read, fed, tensors, float64, training)
