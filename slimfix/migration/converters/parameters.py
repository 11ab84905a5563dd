"""Scale and offset of a normalisation, as the layer holds them that normalises."""

from __future__ import annotations

import dataclasses
from typing import Any

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.planner import Planner
from slimfix.migration.records import WeightRecord


@dataclasses.dataclass(frozen=True)
class Parameters:
    """gamma and beta of a norm: the tensors that read them, None for one that it has not."""

    gamma: str | None
    beta: str | None

    def are_variables(self, planner: Planner) -> bool:
        """Tells whether each that is there reads a variable."""
        tensors = (self.gamma, self.beta)
        return all(tensor is None or planner.variable(tensor) is not None for tensor in tensors)

    def shapes(self, planner: Planner) -> set[tuple[int, ...]]:
        """Returns the shapes that those have which are there."""
        return {weight.shape for weight in self.weights(planner)}

    def weights(self, planner: Planner) -> list[WeightRecord]:
        """Returns the records of those that are there."""
        named = (("gamma", self.gamma), ("beta", self.beta))
        return [planner.weight(name, tensor) for name, tensor in named if tensor is not None]

    def config(self, planner: Planner) -> dict[str, Any]:
        """Returns what Keras's norms take: `scale`, `center` and the penalties."""
        config: dict[str, Any] = {"scale": self.gamma is not None, "center": self.beta is not None}
        for name, tensor in (("gamma", self.gamma), ("beta", self.beta)):
            if tensor is not None:
                config[f"{name}_regularizer"] = planner.regularizer(tensor)
        return config

    def scope(self, planner: Planner, end: Node) -> str:
        """Returns the scope of the variables; of the node that the norm ends in without any."""
        weights = self.weights(planner)
        return names.parent_scope(weights[0].variable if weights else end.name) or end.name
