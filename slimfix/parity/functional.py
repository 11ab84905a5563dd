"""Which Keras models are what their calls say, and how they are called."""

from __future__ import annotations

import functools
from typing import Any, Sequence

from slimfix.parity.keras_code import comes_from


def as_functional(model: Any) -> Any:
    """Returns a model that does what its calls say; of a Sequential one its functional form; None
    where there is none."""
    import keras

    if not isinstance(model, keras.Model) or _changes_keras(model):
        return None
    if isinstance(model, keras.Sequential):
        return model._functional if type(model).call is keras.Sequential.call else None
    is_functional = hasattr(model, "_nodes_by_depth")
    return model if is_functional and type(model).call is _functional_call() else None


def _changes_keras(model: Any) -> bool:
    """Tells whether a model has methods or properties of its own in place of Keras's."""
    import keras

    own = [kind for kind in type(model).__mro__ if not comes_from(kind, "keras")]
    told = {"__doc__", "__module__", "__init__", "__new__", "get_config", "from_config"}
    told |= {"loss"}  # Where `compile` keeps what it is given.
    by_class = {name for kind in own if issubclass(kind, keras.Model) for name in vars(kind)}
    by_hand = {
        name
        for name, value in vars(model).items()
        if callable(value) and not comes_from(value, "keras")
    }
    return any(hasattr(keras.Model, name) for name in (by_class | by_hand) - told)


@functools.cache
def _functional_call() -> Any:
    import keras

    x = keras.Input([1])
    # A model of no layer is refused by Keras 3.12.
    return type(keras.Model(x, keras.layers.Identity()(x))).call


def pack_inputs(model: Any, values: Sequence[Any]) -> Any:
    """Returns what a model is called on: a tensor, list or dict.

    Args:
      model: as of `read_dataflow`.
      values: in the order of the dataflow's inputs.
    """
    import keras

    return keras.tree.pack_sequence_as(as_functional(model)._inputs_struct, list(values))
