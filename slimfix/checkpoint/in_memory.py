"""Values that lie in memory, as a checkpoint that was opened."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from slimfix.checkpoint.reader import Checkpoint, VariableSpec


class _Arrays:
    """Reads as an open file does."""

    def __init__(self, values: Mapping[str, np.ndarray]):
        self._values = values

    def read(self, name: str) -> np.ndarray:
        return self._values[name]


def checkpoint_of(source: str, values: Mapping[str, np.ndarray]) -> Checkpoint:
    """Returns values as a checkpoint.

    Args:
      source: where they are from; stands in place of the prefix.
      values: by variable name; the arrays are not copied.
    """
    specs = {
        name: VariableSpec(name, value.shape, value.dtype.name)
        for name, value in sorted(values.items())
    }
    return Checkpoint(source, specs, _Arrays(values))
