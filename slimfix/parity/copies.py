"""Whether layers are what their configurations say: float64 runs on copies made from those."""

from __future__ import annotations

from typing import Any, Callable, Mapping

import numpy as np

from slimfix.migration.build import random_state
from slimfix.parity import compare
from slimfix.parity.dataflow import Call, Dataflow
from slimfix.parity.keras_code import are_all_keras
from slimfix.parity.keras_side import Inference, Playback, copy_operation

_ULP = 1.0


def compare_copies(flow: Dataflow, inputs: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Returns a line for each layer or operation whose copy computes something else in float32.

    A `get_config` may leave a parameter out, or a method be replaced. Keras's own layers keep what
    they need.

    Args:
      flow: of the model.
      inputs: value by Keras input name.
    """
    if are_all_keras(flow.operations.values()):
        return ()
    performer = _Both()
    run = Playback(flow, inputs, flow.outputs, performer)
    for tensor in flow.outputs:
        run.take(tensor)
    return tuple(
        f"'{name}' ({kind}): its configuration makes a layer that computes something else, off by "
        f"{error:.1e}"
        for (name, kind), error in performer.errors.items()
    )


class _Both(Inference):
    """Performs each operation, and its copy beside it.

    Attributes:
      errors: of what the copies compute, where they are more than an ULP off, by name and kind.
    """

    def __init__(self) -> None:
        super().__init__(float64=False)
        self.errors: dict[tuple[str, str], float] = {}

    def __call__(self, operation: Any, call: Call) -> Callable[..., Any]:
        """Returns what does the work of an operation in a call."""
        import keras

        def perform(*args: Any, **kwargs: Any) -> Any:
            copied = keras.tree.flatten(copy_operation(operation, False)(*args, **kwargs))
            results = operation(*args, **kwargs)
            if not (kwargs.get("training") and random_state(operation) is not None):
                self._compare(operation, call.name, keras.tree.flatten(results), copied)
            return results

        return perform

    def _compare(self, operation: Any, name: str, results: list[Any], copied: list[Any]) -> None:
        import keras

        for pair in zip(results, copied):
            own, other = (np.asarray(keras.ops.convert_to_numpy(each)) for each in pair)
            if compare.equal_bits(own, other):
                continue
            error = compare.Ruler(own).measure(other)
            if not error.ulps <= _ULP:
                self.errors[name, type(operation).__name__] = error.relative
