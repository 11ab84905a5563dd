"""The inputs of a diagnosis in several scales: what explains a difference has to in each."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np

from slimfix.migration.conversion import Migration
from slimfix.parity.compare import relative_error

# What is silent or linear in one is saturated or bent in another.
_SCALES = (1.0, 100.0, 0.01)


@dataclasses.dataclass(frozen=True)
class Samples:
    """What a diagnosis runs on.

    Attributes:
      feeds: value by tensor name of the graph: inputs and switches.
      keras_inputs: the inputs by Keras name, axes as the model has them.
      scales: number of scales that samples have in turns.
    """

    feeds: Mapping[str, Any]
    keras_inputs: Mapping[str, np.ndarray]
    scales: int = 1


def in_scales(
    migration: Migration, feeds: Mapping[str, Any], keras_inputs: Mapping[str, np.ndarray]
) -> Samples | None:
    """Returns each sample in each scale; None where samples do not all lie along the
    first axis.

    Args:
      migration: tells along which axes samples lie.
      feeds, keras_inputs: as of `Samples`.
    """
    inputs = migration.signature.inputs
    if any(0 not in migration.function.batches.get(tensor, {}) for tensor in inputs):
        return None
    return Samples(
        {name: _scaled(v) if name in inputs else v for name, v in feeds.items()},
        {name: _scaled(value) for name, value in keras_inputs.items()},
        len(_SCALES),
    )


def _scaled(value: np.ndarray) -> np.ndarray:
    repeated = np.repeat(value, len(_SCALES), axis=0)
    if value.dtype.kind != "f":
        return repeated
    scales = np.resize(np.array(_SCALES, value.dtype), len(repeated))
    return repeated * scales.reshape(-1, *(1,) * (value.ndim - 1))


def worst_error(values: np.ndarray, expected: np.ndarray, scales: int) -> float:
    """Returns the relative error in the scale in which it is largest.

    Args:
      values, expected: as of `relative_error`.
      scales: number of scales that samples have in turns.
    """
    whole = values.shape != expected.shape or not expected.ndim or len(expected) % scales
    parts = 1 if whole else scales
    return max(
        relative_error(values[part::parts], expected[part::parts])
        if parts > 1
        else relative_error(values, expected)
        for part in range(parts)
    )
