"""Plain records of a planned Keras model: what the converters give and what the builder reads."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class WeightRecord:
    """One weight of a Keras layer and the checkpoint variable that fills it.

    Attributes:
      name: attribute of the Keras layer, e.g. 'kernel' or 'moving_mean'.
      variable: variable name in the checkpoint.
      shape: of the weight.
      permutation: order of the variable's axes in the weight; () where both are laid out alike, as
        nearly all kernels are.
      dtype: name.
    """

    name: str
    variable: str
    shape: tuple[int, ...]
    permutation: tuple[int, ...] = ()
    dtype: str = "float32"

    def arrange(self, value: np.ndarray) -> np.ndarray:
        """Returns a variable's value as the weight holds it: axes permuted, then reshaped."""
        permuted = np.transpose(value, self.permutation) if self.permutation else value
        return np.reshape(permuted, self.shape)


@dataclasses.dataclass(frozen=True)
class LayerRecord:
    """One Keras layer, or one call of a Keras operation.

    Attributes:
      name: of the Keras layer; unique unless the layer is shared.
      scope: the slim scope that it stands for.
      target: 'layers.Conv2D' or 'ops.add': a public name below `keras`; or a layer of slimfix.
      config: keyword arguments of the layer's constructor or of the operation; small NumPy arrays
        may be among those of an operation.
      inputs: tensor names; the positional arguments.
      outputs: tensor names of the results: several where the operation returns a list.
      weights: empty for operations.
      notes: where training will differ from the slim layer, and why.
      dtype: what a layer computes in, 'float32' or 'float64'; operations take their tensors'.
      is_step: one of several operations that together do what one node does: its outputs are no
        tensors of the graph.
    """

    name: str
    scope: str
    target: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[WeightRecord, ...] = ()
    notes: tuple[str, ...] = ()
    is_step: bool = False
    dtype: str = "float32"

    @property
    def takes_list(self) -> bool:
        """Whether the inputs are one argument, a list, and not an argument each."""
        several = self.target.startswith("layers.") and len(self.inputs) > 1
        return several or self.target == "ops.stack"


@dataclasses.dataclass(frozen=True)
class InputRecord:
    """One input of the model.

    Attributes:
      tensor: tensor name.
      name: of the Keras input.
      shape: with the batch first; None for an unknown size.
      dtype: name, e.g. 'float32'.
    """

    tensor: str
    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class ModelPlan:
    """A whole model as data.

    Attributes:
      inputs: in the order in which the model takes them.
      layers: in an order in which they can be called.
      outputs: tensor names.
    """

    inputs: tuple[InputRecord, ...]
    layers: tuple[LayerRecord, ...]
    outputs: tuple[str, ...]


def find_faults(record: Any) -> list[str]:
    """Returns a line for each part of a LayerRecord that is of another type than it is to be."""
    if not isinstance(record, LayerRecord):
        return [f"a {type(record).__name__}; want a LayerRecord or None"]
    wanted = {"name": str, "scope": str, "target": str, "config": Mapping, "dtype": str}
    listed = {"inputs": str, "outputs": str, "weights": WeightRecord, "notes": str}
    wrong = [
        f"{name}: {getattr(record, name)!r}; want a {kind.__name__}"
        for name, kind in wanted.items()
        if not isinstance(getattr(record, name), kind)
    ]
    for name, kind in listed.items():
        values = getattr(record, name)
        if not isinstance(values, tuple) or not all(isinstance(each, kind) for each in values):
            wrong.append(f"{name}: {values!r}; want a tuple, each a {kind.__name__}")
    return wrong
