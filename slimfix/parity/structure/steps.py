"""The steps that a model in normal form is made of, and what writes them."""

from __future__ import annotations

import dataclasses
from typing import Any, Hashable, Mapping, Sequence

from slimfix.migration.build import random_state
from slimfix.parity.dataflow import Call
from slimfix.parity.structure.plain import plain_activation

Shape = tuple[int | None, ...]


@dataclasses.dataclass(eq=False)
class Step:
    """One computation.

    Attributes:
      kind: 'relu', 'Conv2D'; of a class that is not Keras's its full name.
      settings: all else that says what it computes, weights by the variables that they hold.
      reads: what it reads, in order.
      call: the Keras call that it is a part of.
      shapes: of the results, as it makes them.
      is_random: whether it draws in training.
      is_opaque: whether nothing is known of what it computes.
    """

    kind: str
    settings: Hashable
    reads: tuple[Value, ...]
    call: Call
    shapes: tuple[Shape, ...]
    is_random: bool = False
    is_opaque: bool = False

    def __str__(self) -> str:
        return f"'{self.call.name}' ({self.call.kind})"


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor.

    Attributes:
      step: what computes it; None for an input of the model.
      index: which of the results, or of the inputs.
      shape: in which it is seen.
    """

    step: Step | None
    index: int
    shape: Shape

    @property
    def is_reshaped(self) -> bool:
        """Whether it is seen in another shape than it was made in."""
        return self.step is not None and self.shape != self.step.shapes[self.index]


@dataclasses.dataclass(frozen=True)
class NormalForm:
    """A model as steps.

    Attributes:
      steps: in an order in which they can run.
      outputs: of the model.
      places: the value of each tensor of the model's dataflow, by its id.
    """

    steps: tuple[Step, ...]
    outputs: tuple[Value, ...]
    places: Mapping[int, Value]


class Writer:
    """Writes one call after the other as steps.

    Attributes:
      steps: so far.
      values: by id of a tensor.
    """

    def __init__(self, variables: Mapping[int, str]):
        self.steps: list[Step] = []
        self.values: dict[int, Value] = {}
        self._variables = variables

    def step(
        self,
        call: Call,
        kind: str,
        settings: Hashable,
        reads: Sequence[Value],
        shapes: Sequence[Shape] | None = None,
        **flags: bool,
    ) -> list[Value]:
        """Adds a step and returns its results.

        Args:
          shapes: of the results; None for those of the call's.
        """
        made = tuple(tensor.shape for tensor in call.outputs) if shapes is None else tuple(shapes)
        step = Step(kind, settings, tuple(reads), call, made, **flags)
        self.steps.append(step)
        return [Value(step, index, shape) for index, shape in enumerate(made)]

    def weights(self, layer: Any) -> tuple[tuple[str, Hashable], ...]:
        """Returns by name what each weight of a layer holds."""
        state = random_state(layer)
        return tuple(
            (weight.name, self._variables.get(id(weight), id(weight)))
            for weight in layer.weights
            if weight is not state
        )

    def activation(self, call: Call, function: Any, value: Value) -> Value:
        """Adds an activation, unless it is none."""
        found = plain_activation(function, len(value.shape))
        if found is None:
            return value
        kind, settings = found
        (result,) = self.step(call, kind, settings, [value], [value.shape])
        return result
