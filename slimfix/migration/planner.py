"""What a converter may ask about the function around a node, and how it makes its records."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.view import Node
from slimfix.migration.dtypes import layer_dtype
from slimfix.migration.function import Function, Shape
from slimfix.migration.records import LayerRecord, WeightRecord
from slimfix.migration.regularizers import Penalty
from slimfix.network.weights import Weights

_NOT_IN_GRAPH = "#"  # No node's name holds it.
_SCOPE_SEPARATOR = "__"  # Keras layer names may not hold '/', nor PyTorch parameter names '.'.


def layer_name(scope: str) -> str:
    """Returns the Keras layer name of a slim scope: 'net/conv1' gives 'net__conv1'."""
    return scope.replace("/", _SCOPE_SEPARATOR)


class Planner:
    """What a converter may ask about the function around a node.

    Attributes:
      function: the function being planned.
      batch_norms: the slim layer, by variable name of its moving_mean.
      penalties: what slim adds to the loss for a weight, by variable name.
      trainable: names of the trainable variables; None where the graph does not say.
      exact: the moving_mean of each batch norm that is to be slimfix's own layer.
    """

    def __init__(
        self,
        function: Function,
        weights: Weights,
        batch_norms: Mapping[str, BatchNormLayer],
        penalties: Mapping[str, Penalty],
        trainable: frozenset[str] | None,
        taken_names: Sequence[str] = (),
        exact: frozenset[str] = frozenset(),
    ):
        self.function = function
        self.batch_norms = batch_norms
        self.penalties = penalties
        self.trainable = trainable and trainable | {names.whole_name(name) for name in trainable}
        self.exact = exact
        self._weights = weights
        self._consumers = function.consumers()
        self._taken: dict[str, tuple[Any, ...]] = dict.fromkeys(taken_names, ())
        self._steps: dict[str, LayerRecord] = {}
        self._step_shapes: dict[str, Shape] = {}

    def producer(self, tensor: str, *ops: str) -> Node | None:
        """Returns the node that makes `tensor` if its op is one of `ops`."""
        node = self.function.nodes.get(names.split_tensor_name(tensor)[0])
        return node if node is not None and node.op in ops else None

    def only_consumer_is(self, tensor: str, node: Node) -> bool:
        """Tells whether nobody but `node` needs `tensor`, so that a layer may swallow it."""
        return self._consumers.get(tensor, ()) == (node,) and tensor not in self.function.outputs

    def constant(self, tensor: str) -> np.ndarray | None:
        """Returns the value of a constant tensor, None for any other."""
        return self.function.constants.get(tensor)

    def variable(self, tensor: str) -> str | None:
        """Returns the variable name that `tensor` reads, None if it is no variable."""
        return self.function.variables.get(tensor)

    def shape(self, tensor: str) -> Shape:
        """Returns the static shape of a tensor; None for an unknown rank."""
        return self._step_shapes.get(tensor) or self.function.shapes.get(tensor)

    def batch_axes(self, tensor: str) -> Mapping[int, int] | None:
        """Returns how many times the batch each size is that follows it, by axis, if known."""
        return self.function.batches.get(tensor)

    def is_batch(self, tensor: str, axis: int) -> bool:
        """Tells whether samples lie along an axis; where it is not known, along the first."""
        rows = self.batch_axes(tensor)
        return axis == 0 if rows is None else axis in rows

    def weight(self, name: str, tensor: str) -> WeightRecord:
        """Returns the record of a weight that the variable behind `tensor` fills."""
        variable = self.function.variables[tensor]
        spec = self._weights.spec(variable)
        return WeightRecord(name, variable, spec.shape, dtype=spec.dtype)

    def regularizer(self, tensor: str) -> dict[str, Any] | None:
        """Returns the Keras config of the penalty on a weight, None where it has none."""
        penalty = self.penalties.get(self.function.variables[tensor])
        return penalty.keras_config() if penalty else None

    def layer(
        self,
        target: str,
        scope: str,
        inputs: Sequence[str],
        node: Node,
        config: Mapping[str, Any],
        weights: Sequence[WeightRecord] = (),
        notes: Sequence[str] = (),
        output_count: int = 1,
    ) -> LayerRecord:
        """Returns a record whose outputs are the first `output_count` outputs of `node`."""
        frozen, frozen_notes = self._frozen(weights)
        if frozen:
            config = {**config, "trainable": False}
        return LayerRecord(
            name=self._unique_name(scope, (target, repr(config), tuple(weights))),
            scope=scope,
            target=target,
            config=config,
            inputs=tuple(inputs),
            outputs=tuple(names.join_tensor_name(node.name, i) for i in range(output_count)),
            weights=tuple(weights),
            notes=(*notes, *frozen_notes),
            dtype=layer_dtype(node, weights),
        )

    def step(
        self,
        target: str,
        node: Node,
        label: str,
        inputs: Sequence[str],
        config: Mapping[str, Any],
        weights: Sequence[WeightRecord] = (),
        scope: str | None = None,
        shape: Shape = None,
        notes: Sequence[str] = (),
    ) -> str:
        """Plans a layer or operation inside what `node` does, where Keras needs several for it.

        Call it once it is sure that the node will be converted.

        Args:
          target: as of `layer`.
          node: the node that the operation is a part of.
          label: what the operation makes, in a word.
          inputs: tensor names, those of other steps among them.
          config: as of `layer`.
          weights: as of `layer`.
          scope: as of `layer`; None for one called after node and label.
          shape: static shape of the result, where a converter will ask for it.
          notes: as of `layer`.
        Returns: the tensor name of its result, which the graph does not have.
        """
        scope = f"{node.name}/{label}" if scope is None else scope
        tensor = names.join_tensor_name(f"{node.name}/{label}{_NOT_IN_GRAPH}{len(self._steps)}", 0)
        record = self.layer(target, scope, inputs, node, config, weights, notes)
        self._steps[tensor] = dataclasses.replace(record, outputs=(tensor,), is_step=True)
        self._step_shapes[tensor] = shape
        return tensor

    def planned_step(self, tensor: str) -> LayerRecord | None:
        """Returns the record of a step by its tensor name; None where no step makes it."""
        return self._steps.get(tensor)

    def reads_values(self, record: LayerRecord) -> bool:
        """Tells whether a record takes a variable or a constant for a tensor of the model."""
        return any(
            self.reads_values(self._steps[tensor])
            if tensor in self._steps
            else tensor in self.function.variables or tensor in self.function.constants
            for tensor in record.inputs
        )

    def _frozen(self, weights: Sequence[WeightRecord]) -> tuple[bool, list[str]]:
        """Tells whether training leaves a layer's weights alone, and what Keras cannot say."""
        own = {w.variable for w in weights if not names.is_statistic_name(w.variable)}
        if self.trainable is None or own <= self.trainable:
            return False, []
        statistics = [w.variable for w in weights if w.variable not in own]
        layer = next((self.batch_norms[v] for v in statistics if v in self.batch_norms), None)
        kept = sorted(names.last_part(variable) for variable in own - self.trainable)
        if own & self.trainable:
            return False, [f"slim does not train its {', '.join(kept)}; Keras's layer does"]
        if layer is not None and layer.mode != "inference":
            return False, [
                f"slim does not train its {', '.join(kept)} but moves its statistics; Keras's "
                "trainable=False would stop both, so that it trains both"
            ]
        return True, []

    def _unique_name(self, scope: str, identity: tuple[Any, ...]) -> str:
        """A layer that has the same weights as one before it is the same layer, called again."""
        name = layer_name(scope)
        for count in range(len(self._taken) + 1):
            candidate = f"{name}_{count}" if count else name
            shared = identity[-1] and self._taken.get(candidate) == identity
            if candidate not in self._taken or shared:
                self._taken[candidate] = identity
                return candidate
        raise AssertionError("unreachable: one more name than layers")
