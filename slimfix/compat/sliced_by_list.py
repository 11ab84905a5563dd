"""A checkpoint reader whose arrays can be cut with a list of slices, as NumPy before 1.23 allowed.

`tf_slim.ops.variables.assign_from_checkpoint` cuts the value of a partitioned variable that way.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def is_needed() -> bool:
    """Returns whether the installed NumPy refuses a list of slices."""
    slices: Any = [slice(0, 1)]
    try:
        np.zeros([1])[slices]
    except IndexError:
        return True
    return False


def read_checkpoint(prefix: str) -> Any:
    """Returns a checkpoint reader whose arrays can be cut with a list of slices."""
    import tensorflow.compat.v1 as tf

    return _Reader(tf.train.NewCheckpointReader(prefix))


class _Reader:
    def __init__(self, reader: Any):
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def get_tensor(self, name: str) -> Any:
        value = self._reader.get_tensor(name)
        return value.view(_Array) if type(value) is np.ndarray else value


class _Array(np.ndarray):
    def __getitem__(self, key: Any) -> Any:
        return self.view(np.ndarray)[tuple(key) if isinstance(key, list) else key]
