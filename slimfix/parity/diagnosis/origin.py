"""Finds out what fills a weight, where it is not the bits of its variable."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping

import numpy as np

from slimfix import names
from slimfix.checkpoint import Checkpoint
from slimfix.migration.records import LayerRecord, ModelPlan, WeightRecord
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.diagnosis.bits import describe

_PAIRS = (("moving_mean", "moving_variance"), ("beta", "gamma"))


class Origins:
    """The values that a weight may have by mistake."""

    def __init__(
        self,
        plan: ModelPlan,
        read: Callable[[str], np.ndarray],
        checkpoint: Checkpoint | None = None,
    ):
        """Takes where values come from.

        Args:
          plan: says which variable fills which weight.
          read: gives the value of a variable by its name, raw or shadow as was chosen.
          checkpoint: everything that was saved, shadows among it; None to know of the plan's
            variables only.
        """
        self._read = read
        self._checkpoint = checkpoint
        self._variables = {w.variable: w for record in plan.layers for w in record.weights}

    def wanted(self, weight: WeightRecord) -> np.ndarray:
        """Returns what a weight should hold."""
        return weight.arrange(self._read(weight.variable))

    def say(self, found: Mapping[str, np.ndarray], record: LayerRecord) -> dict[str, str]:
        """Returns a clause for each weight of a layer that has not the bits of its variable.

        Args:
          found: the layer's weights, by name.
          record: the layer as planned.
        Returns: by name of the weight, what it is: 'holds the bits of "conv2/weights"'.
        """
        wanted = {w.name: self.wanted(w) for w in record.weights if w.name in found}
        clauses = {}
        for weight in record.weights:
            if weight.name in wanted and not _equal(found[weight.name], wanted[weight.name]):
                clauses[weight.name] = (
                    self._swapped(weight.name, found, wanted)
                    or self._of_another(weight, found[weight.name])
                    or describe(found[weight.name], wanted[weight.name], weight.name)
                )
        return clauses

    def _swapped(
        self, name: str, found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]
    ) -> str | None:
        for pair in _PAIRS:
            if name in pair and all(each in wanted for each in pair):
                one, other = pair
                if _equal(found[one], wanted[other]) and _equal(found[other], wanted[one]):
                    return f"is the {other if name == one else one}: the two are swapped"
        return None

    def _of_another(self, weight: WeightRecord, found: np.ndarray) -> str | None:
        """Tells which variable's bits they are; nothing of constants, which many may share."""
        if found.size == 0 or np.all(found == found.flat[0]):
            return None
        for name, value in self._alike(weight):
            if _equal(found, value):
                if name == weight.variable:
                    return "holds the raw value in place of its moving average (EMA)"
                if names.shadowed_variable(name, self._variables) == weight.variable:
                    return f'holds the moving average (EMA) "{name}" in place of the raw value'
                return f'holds the bits of "{name}"'
        return None

    def _alike(self, weight: WeightRecord) -> Iterator[tuple[str, np.ndarray]]:
        """Yields other variables that could fill a weight: those of the checkpoint, whose names
        tell raw from average, then the plan's, laid out as their own weights are."""
        if self._checkpoint is not None:
            size = int(np.prod(weight.shape))
            own = self._checkpoint.variables.get(weight.variable)
            for name, spec in self._checkpoint.variables.items():
                alike = spec.shape == own.shape if own else spec.shape == weight.shape
                if alike and int(np.prod(spec.shape)) == size:
                    yield name, weight.arrange(self._checkpoint.read(name))
        for name, other in self._variables.items():
            if name != weight.variable and other.shape == weight.shape:
                yield name, self.wanted(other)


def explain_weights(
    flow: Dataflow,
    plan: ModelPlan,
    read: Callable[[str], np.ndarray],
    checkpoint: Checkpoint | None = None,
) -> dict[str, str]:
    """Returns a clause for each weight that has not the bits of its variable.

    Args:
      flow: of the model; layers and weights that it lacks are left out.
      plan: as of `Origins`.
      read: likewise.
      checkpoint: likewise.
    Returns: by 'layer/weight'.
    """
    origins = Origins(plan, read, checkpoint)
    layers = flow.layers
    found = {}
    for record in plan.layers:
        if record.weights and record.name in layers:
            clauses = origins.say(read_weights(layers[record.name], record), record)
            found.update({f"{record.name}/{name}": text for name, text in clauses.items()})
    return found


def read_weights(layer: Any, record: LayerRecord) -> dict[str, np.ndarray]:
    """Returns the planned weights of a live layer, by name, as far as it has them."""
    import keras

    attributes = {weight.name: getattr(layer, weight.name, None) for weight in record.weights}
    return {
        name: np.asarray(keras.ops.convert_to_numpy(weight))
        for name, weight in attributes.items()
        if weight is not None
    }


def _equal(found: np.ndarray, wanted: np.ndarray) -> bool:
    return (
        found.dtype == wanted.dtype
        and found.shape == wanted.shape
        and found.tobytes() == wanted.tobytes()
    )
