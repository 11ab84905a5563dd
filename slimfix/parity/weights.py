"""Level L0: the weights of a model against the checkpoint, bit by bit, and their counts closed."""

from __future__ import annotations

from typing import Callable, Mapping

import numpy as np

from slimfix.parity.matching import Matches
from slimfix.parity.rows import WeightsParity


def compare_weights(
    matches: Matches, read: Callable[[str], np.ndarray], origins: Mapping[str, str]
) -> WeightsParity:
    """Returns which weights of a model do not have the bits of their variable.

    Args:
      matches: the model's weights and the plan's variables.
      read: gives the value of a variable by its name.
      origins: by 'layer/weight' of one that differs, what it holds instead, where that is known.
    """
    import keras

    different: list[str] = []
    for held in matches.held:
        loaded = keras.ops.convert_to_numpy(held.weight)
        original = held.record.arrange(read(held.record.variable))
        if loaded.dtype != original.dtype or loaded.tobytes() != original.tobytes():
            origin = origins.get(held.path)
            different.append(
                f"'{held.record.variable}' {list(original.shape)} {original.dtype}; Keras "
                f"'{held.path}' {list(loaded.shape)} {loaded.dtype}"
                + (f"; it {origin}" if origin else "")
            )
    different += [
        f"'{record.variable}' {list(record.shape)} {record.dtype}: no weight of the model holds "
        f"it; planned for Keras '{layer}/{record.name}'"
        for layer, record in matches.lacking
    ]
    different += [f"Keras '{path}' has no variable" for path in matches.unsourced]
    return WeightsParity(len(matches.held), tuple(different))
