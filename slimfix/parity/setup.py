"""What every level of a proof needs: both networks, the inputs, and how their names go together."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.migration.conversion import Migration
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.keras_inputs import keras_inputs
from slimfix.parity.matching import Held, Matches
from slimfix.reference.original import Original
from slimfix.reference.trained_network import TrainedNetwork, find_layers
from slimfix.reference.training import TrainingGraph


@dataclasses.dataclass(frozen=True)
class Setup:
    """A model under test beside the network that it is to be.

    Attributes:
      flow: of the Keras model.
      migration: the network, and how a model of it is planned.
      matches: which weight of the model holds which variable.
    """

    flow: Dataflow
    migration: Migration
    matches: Matches

    def for_keras(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns inputs by Keras name, axes in the model's order."""
        return keras_inputs(self.flow, self.migration, inputs)

    def outputs_for_keras(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns what belongs to the original's floating-point outputs, axes as in the model."""
        permutations = self.migration.function.permutations
        orders = [permutations.get(tensor) for tensor in self.floating_outputs]
        return [v if order is None else np.transpose(v, order) for v, order in zip(values, orders)]

    @functools.cached_property
    def floating_outputs(self) -> tuple[str, ...]:
        """Tensor names of the outputs that a loss can be taken of."""
        outputs = zip(self.migration.signature.outputs, self.flow.outputs)
        return tuple(tensor for tensor, made in outputs if "float" in made.dtype)

    @functools.cached_property
    def called(self) -> dict[str, str]:
        """The model's own name of each planned batch norm that it calls otherwise.

        Its weights tell which it is; and what it gives is what the original's gives, for no
        activation is a part of it. Else a saturated output could hide a wrong epsilon.
        """
        layers = self.flow.layers
        holders = {
            held.record.variable: held.layer
            for held in self.matches.held  # Not of a layer that has a batch norm in it.
            if getattr(layers[held.layer], "moving_mean", None) is held.weight
        }
        found = {
            layer.name: holders.get(weight.variable, layer.name)
            for layer in self.migration.plan.layers
            for weight in layer.weights
            if weight.name == "moving_mean"
        }
        return {planned: name for planned, name in found.items() if planned != name}

    @functools.cached_property
    def network(self) -> TrainedNetwork:
        """The original in training mode."""
        migration = self.migration
        return TrainedNetwork(
            migration.view,
            migration.meta_graph,
            migration.read,
            migration.signature.inputs,
            migration.signature.outputs,
            migration.training_switches,
        )

    @functools.cached_property
    def batch_norms(self) -> list[BatchNormLayer]:
        """The batch norms of the original."""
        return find_layers(self.network)

    def output_shapes(self, inputs: Mapping[str, np.ndarray]) -> list[tuple[int, ...]]:
        """Returns the shapes of the original's floating-point outputs for some inputs."""
        outputs = self.floating_outputs
        feeds = {**self.migration.function.switches, **inputs}
        run = Original(self.migration.view, self.migration.read, feeds, outputs, float64=False)
        return [value.shape for value in next(run.run([outputs])).values()]

    def training_graph(
        self, inputs: Mapping[str, np.ndarray], float64: bool, optimizer: Any = None
    ) -> TrainingGraph:
        """Returns the original in training mode and one precision."""
        return TrainingGraph(self.network, inputs, float64, optimizer)

    def in_inference(self, graph: TrainingGraph) -> frozenset[str]:
        """Returns the names of the Keras layers that the original keeps in inference mode.

        They are batch norms that it never trains: built with is_training=False for good, or with a
        switch of their own that stays off.
        """
        with graph.open() as run:
            kept = {
                layer.moving_mean
                for layer in self.batch_norms
                if layer.mode == "inference"
                or (layer.switch and run.is_true(layer.switch) != layer.trains_when)
            }
        trained = {layer.moving_mean for layer in self.batch_norms} - kept
        holders = {held.record.variable: held.layer for held in self.matches.held}
        return frozenset(holders[name] for name in kept - trained if name in holders)

    def held_by(self) -> dict[str, list[Held]]:
        """Returns the weights that hold each variable, by its name."""
        found: dict[str, list[Held]] = {}
        for held in self.matches.held:
            found.setdefault(held.record.variable, []).append(held)
        return found
