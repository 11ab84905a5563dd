"""Which weight of a Keras model holds which variable: by the plan's names, else by its bits."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

import numpy as np

from slimfix.migration.build import layers_by_name, random_states
from slimfix.migration.records import ModelPlan, WeightRecord


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


def match_weights(model: Any, plan: ModelPlan, read: Callable[[str], np.ndarray]) -> Matches:
    """Returns which weight holds which variable.

    A layer and weight of the planned name is the one, whatever its value. Weights of layers that
    the model calls otherwise are found by their bits: a model made by other hands has names of its
    own, but a gamma is a gamma.

    Args:
      model: any Keras model.
      plan: says which variable fills which weight.
      read: gives the value of a variable by its name.
    """
    layers = layers_by_name(model)
    held: dict[str, Held] = {}
    lacking: list[tuple[str, WeightRecord]] = []
    for layer in plan.layers:
        for record in layer.weights:
            found = _find(layers.get(layer.name), record)
            if found is None:
                lacking.append((layer.name, record))
            else:
                held.setdefault(found.weight.path, found)
    free = _list_free(model, held)
    left = []
    for name, record in dict.fromkeys(lacking):
        path = _find_bits(free, record, read) if free else None
        if path is None:
            left.append((name, record))
        else:
            layer_name, index, weight = free.pop(path)
            held[path] = Held(record, layer_name, index, weight)
    return Matches(tuple(held.values()), tuple(left), tuple(free))


def _find(layer: Any, record: WeightRecord) -> Held | None:
    weight = getattr(layer, record.name, None)
    if layer is None or weight is None:
        return None
    index = next((i for i, each in enumerate(layer.weights) if each is weight), None)
    return None if index is None else Held(record, layer.name, index, weight)


def _list_free(model: Any, held: dict[str, Held]) -> dict[str, tuple[str, int, Any]]:
    """Returns the weights that nobody has yet, by path: layer name, place, weight."""
    taken = {*held, *random_states(model)}
    return {
        weight.path: (layer.name, index, weight)
        for layer in model.layers
        for index, weight in enumerate(layer.weights)
        if weight.path not in taken
    }


def _find_bits(
    free: dict[str, tuple[str, int, Any]], record: WeightRecord, read: Callable[[str], np.ndarray]
) -> str | None:
    import keras

    value = None
    for path, (_, _, weight) in free.items():
        if weight.name == record.name and tuple(weight.shape) == record.shape:
            value = record.arrange(read(record.variable)) if value is None else value
            if keras.ops.convert_to_numpy(weight).tobytes() == value.tobytes():
                return path
    return None
