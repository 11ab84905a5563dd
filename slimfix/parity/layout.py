"""Lays values of Keras weights out as the variables of the original are, and parts as wholes."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.migration.records import WeightRecord


def as_variable(record: WeightRecord, value: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Returns what `record.arrange` turns into a value: the inverse of it.

    Args:
      record: says how the variable is laid out in the weight.
      value: of the weight, or a gradient of its shape.
      shape: of the variable.
    """
    order = record.permutation or tuple(range(len(shape)))
    permuted = np.reshape(value, [shape[axis] for axis in order])
    return np.transpose(permuted, np.argsort(order))


def whole(
    values: Mapping[str, np.ndarray], variable: str, shape: Sequence[int]
) -> np.ndarray | None:
    """Returns the value of a variable; of a partitioned one, its parts joined; None for no value.

    Args:
      values: by variable name; of a partitioned variable by those of its parts, 'w/part_0', ...
      variable: its own name.
      shape: its own.
    """
    if variable in values:
        return values[variable]
    parts = sorted(
        (name for name in values if name != variable and names.whole_name(name) == variable),
        key=lambda name: int(name.rpartition("_")[2]),
    )
    if not parts:
        return None
    sizes = values[parts[0]].shape
    cut = [axis for axis, size in enumerate(shape) if sizes[axis] != size]
    return np.concatenate([values[name] for name in parts], cut[0] if cut else 0)
