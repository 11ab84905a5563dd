"""Level L0: the weights in the saved model against the checkpoint, bit by bit."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from slimfix.migration.build import layers_by_name, random_states
from slimfix.migration.records import ModelPlan
from slimfix.parity.result import WeightsParity


def compare_weights(
    model: Any, plan: ModelPlan, read: Callable[[str], np.ndarray]
) -> WeightsParity:
    """Returns which weights of a loaded model do not have the bits of their variable.

    Args:
      model: read back from disk.
      plan: says which variable fills which weight.
      read: gives the value of a variable by its name.
    """
    import keras

    different: list[str] = []
    compared = set()
    layers = layers_by_name(model)
    for layer in plan.layers:
        for weight in layer.weights:
            target = getattr(layers[layer.name], weight.name)
            compared.add(target.path)
            loaded = keras.ops.convert_to_numpy(target)
            original = weight.arrange(read(weight.variable))
            if loaded.dtype != original.dtype or loaded.tobytes() != original.tobytes():
                different.append(
                    f"'{weight.variable}' {list(original.shape)} {original.dtype}; Keras "
                    f"'{layer.name}/{weight.name}' {list(loaded.shape)} {loaded.dtype}"
                )
    sourced = compared | random_states(model)
    unsourced = [w.path for w in model.weights if w.path not in sourced]
    different += [f"Keras '{path}' has no variable" for path in unsourced]
    return WeightsParity(len(compared), tuple(different))
