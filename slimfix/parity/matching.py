"""Which weight of a Keras model holds which variable: by the plan's names, else by its bits."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from slimfix.migration.build import random_state
from slimfix.migration.records import ModelPlan, WeightRecord
from slimfix.parity.dataflow import Dataflow


@dataclasses.dataclass(frozen=True)
class Held:
    """A weight of a Keras model, and the variable that it is to hold.

    Attributes:
      record: of the variable, and how its value is laid out in the weight.
      layer: name of the Keras layer.
      index: place of the weight in the layer's weights.
      weight: Keras variable.
    """

    record: WeightRecord
    layer: str
    index: int
    weight: Any

    @property
    def path(self) -> str:
        """'layer/kernel', as reports call the weight."""
        return f"{self.layer}/{self.record.name}"


@dataclasses.dataclass(frozen=True)
class Matches:
    """The weights of a model, each in one of three groups with the variables of its plan.

    Attributes:
      held: weights with their variables; one that a layer shares is in it once.
      lacking: (layer of the plan, record) of what no weight holds.
      unsourced: paths of the weights that hold no variable.
    """

    held: tuple[Held, ...]
    lacking: tuple[tuple[str, WeightRecord], ...]
    unsourced: tuple[str, ...]


def match_weights(flow: Dataflow, plan: ModelPlan, read: Callable[[str], np.ndarray]) -> Matches:
    """Returns which weight holds which variable.

    A layer and weight of the planned name is the one, whatever its value. Weights of layers that
    the model calls otherwise are found by their bits: a model made by other hands has names of its
    own, but a gamma is a gamma. What is left may be in another layer's weight, of another shape:
    the kernel of a 1x1 convolution in a Dense.

    Args:
      flow: of the model.
      plan: says which variable fills which weight.
      read: gives the value of a variable by its name.
    """
    held: dict[int, Held] = {}  # By id of the weight.
    lacking: list[tuple[str, WeightRecord]] = []
    for layer in plan.layers:
        for record in layer.weights:
            found = _find(layer.name, flow.layers.get(layer.name), record)
            if found is None:
                lacking.append((layer.name, record))
            else:
                held.setdefault(id(found.weight), found)
    free = _list_free(flow, held)
    left = list(dict.fromkeys(lacking))
    for find in (_find_bits, _find_reshaped):
        for name, record in tuple(left):
            key = find(free, record, read) if free else None
            if key is not None:
                left.remove((name, record))
                layer_name, index, weight = free.pop(key)
                shaped = dataclasses.replace(record, shape=tuple(weight.shape))
                held[key] = Held(shaped, layer_name, index, weight)
    return Matches(tuple(held.values()), tuple(left), tuple(w.path for *_, w in free.values()))


def _find(name: str, layer: Any, record: WeightRecord) -> Held | None:
    weight = getattr(layer, record.name, None)
    if layer is None or weight is None:
        return None
    index = next((i for i, each in enumerate(layer.weights) if each is weight), None)
    return None if index is None else Held(record, name, index, weight)


def _list_free(flow: Dataflow, held: Mapping[int, Held]) -> dict[int, tuple[str, int, Any]]:
    """Returns the weights that nobody has yet, by id: layer name, place, weight."""
    taken = {*held, *(id(random_state(layer)) for layer in flow.layers.values())}
    return {
        id(weight): (name, index, weight)
        for name, layer in flow.layers.items()
        for index, weight in enumerate(layer.weights)
        if id(weight) not in taken
    }


def _find_bits(
    free: Mapping[int, tuple[str, int, Any]],
    record: WeightRecord,
    read: Callable[[str], np.ndarray],
) -> int | None:
    """Finds the variable in a weight of its name and shape."""
    alike = [
        key
        for key, (*_, weight) in free.items()
        if weight.name == record.name and tuple(weight.shape) == record.shape
    ]
    return _find_equal(free, alike, record.arrange(read(record.variable))) if alike else None


def _find_reshaped(
    free: Mapping[int, tuple[str, int, Any]],
    record: WeightRecord,
    read: Callable[[str], np.ndarray],
) -> int | None:
    """Finds the same numbers in the same order, in a weight that may be called otherwise."""
    size = int(np.prod(record.shape))
    alike = [
        key
        for key, (*_, weight) in free.items()
        if int(np.prod(weight.shape)) == size
        and (weight.name == record.name or (_is_kernel(weight.name) and _is_kernel(record.name)))
    ]
    if not alike:
        return None
    value = record.arrange(read(record.variable))
    is_constant = bool(np.all(value == value.flat[0]))  # Zeros are not yet a beta.
    return None if is_constant else _find_equal(free, alike, value)


def _find_equal(
    free: Mapping[int, tuple[str, int, Any]], keys: Sequence[int], value: np.ndarray
) -> int | None:
    import keras

    bits = value.tobytes()
    for key in keys:
        if keras.ops.convert_to_numpy(free[key][2]).tobytes() == bits:
            return key
    return None


def _is_kernel(name: str) -> bool:
    return name.endswith("kernel") or name == "embeddings"
