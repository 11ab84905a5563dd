"""A Keras model as plain data, which can be edited and built in float32 or in float64.

It is made from a migration's plan and knows nothing of the proof.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import Any, Callable, Iterator, Mapping

import numpy as np

import slimfix
from slimfix.migration.conversion import Migration
from slimfix.migration.records import InputRecord


@dataclasses.dataclass(frozen=True)
class Node:
    """One call of a layer, an operation, or a model.

    Attributes:
      name: of the layer; nodes of one name call one object.
      target: 'layers.Conv2D', 'ops.add', 'slimfix.SlimBatchNormalization'; a class of layers; a
        function of tensors; or a `Sketch`, which is then a model in the model.
      inputs, outputs: names of tensors.
      config: keyword arguments of the constructor or of the operation.
      values: of the weights, by attribute.
      call: keyword arguments of the call.
      touch: done to the layer once the model is built; None for nothing.
    """

    name: str
    target: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    values: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    call: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    touch: Callable[[Any], None] | None = None

    @property
    def kind(self) -> str:
        """Class of the layer, or name of the operation."""
        if isinstance(self.target, str):
            return self.target.rpartition(".")[2]
        return getattr(self.target, "__name__", "model")

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer of Keras's or ours, so that it has settings."""
        return isinstance(self.target, str) and not self.target.startswith("ops.")

    @property
    def is_plain(self) -> bool:
        """Whether it is called once and like any other: nothing is pinned, patched or its own."""
        return isinstance(self.target, str) and not self.call and self.touch is None

    def with_config(self, **changed: Any) -> Node:
        """Returns it with other settings."""
        return dataclasses.replace(self, config={**self.config, **changed})


@dataclasses.dataclass(frozen=True)
class Sketch:
    """A model.

    Attributes:
      inputs: as planned.
      nodes: in an order in which they can be called.
      outputs: names of tensors.
      sequential: whether it is built as keras.Sequential; of one input and a chain of layers.
      finish: gives the model that is handed in, from the one that is built; None for the same.
      kind: class of the model; None for keras.Model.
    """

    inputs: tuple[InputRecord, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    sequential: bool = False
    finish: Callable[[Any], Any] | None = None
    kind: Any = None

    @functools.cached_property
    def tensors(self) -> dict[str, Any]:
        """The symbolic tensors by name."""
        return _build(self, "float32", "shapes")[1]

    def shape(self, tensor: str) -> tuple[int | None, ...]:
        """Returns the shape of a tensor, with the batch first."""
        return tuple(self.tensors[tensor].shape)

    def alike(self, one: str, other: str) -> bool:
        """Tells whether two tensors have one shape and dtype."""
        same_type = self.tensors[one].dtype == self.tensors[other].dtype
        return same_type and self.shape(one) == self.shape(other)

    def readers(self, tensor: str) -> list[Node]:
        """Returns the nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.inputs]

    def all_nodes(self) -> Iterator[Node]:
        """Yields the nodes, and those of the models in it."""
        for node in self.nodes:
            yield node
            if isinstance(node.target, Sketch):
                yield from node.target.all_nodes()

    def calls(self, node: Node) -> list[Node]:
        """Returns the nodes that call the same object, itself among them."""
        return [each for each in self.nodes if each.name == node.name]

    def of(self, *kinds: str) -> list[Node]:
        """Returns the nodes of these kinds; all where none is given."""
        return [node for node in self.nodes if not kinds or node.kind in kinds]

    def made_before(self, node: Node) -> Iterator[str]:
        """Yields the tensors that are there when a node is called."""
        yield from (record.tensor for record in self.inputs)
        for each in self.nodes:
            if each is node:
                return
            yield from each.outputs

    def replaced(self, old: Node, *new: Node) -> Sketch:
        """Returns it with other nodes in the place of one."""
        nodes: list[Node] = []
        for node in self.nodes:
            nodes.extend(new if node is old else [node])
        return dataclasses.replace(self, nodes=tuple(nodes))

    def mapped(self, change: Callable[[Node], Node]) -> Sketch:
        """Returns it with each node changed."""
        return dataclasses.replace(self, nodes=tuple(map(change, self.nodes)))

    def rewired(self, old: str, new: str, but: tuple[str, ...] = ()) -> Sketch:
        """Returns it with another tensor wherever one is read, but by the makers of `but`."""

        def swap(tensors: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(new if tensor == old else tensor for tensor in tensors)

        nodes = tuple(
            n if set(but) & set(n.outputs) else dataclasses.replace(n, inputs=swap(n.inputs))
            for n in self.nodes
        )
        return dataclasses.replace(self, nodes=nodes, outputs=swap(self.outputs))

    def without(self, node: Node, instead: str) -> Sketch:
        """Returns it without a node: what read its result reads another tensor."""
        return self.replaced(node).rewired(node.outputs[0], instead)

    def followed(self, tensor: str, *nodes: Node) -> Sketch:
        """Returns it with nodes behind a tensor, the first of which reads it: what read it reads
        the result of the last."""
        made = tuple(name for node in nodes for name in node.outputs)
        place = self._place_behind(tensor)
        put = (*self.nodes[:place], *nodes, *self.nodes[place:])
        changed = dataclasses.replace(self, nodes=put)
        return changed.rewired(tensor, nodes[-1].outputs[0], but=made)

    def _place_behind(self, tensor: str) -> int:
        places = [i + 1 for i, node in enumerate(self.nodes) if tensor in node.outputs]
        return places[0] if places else 0


def sketch_of(migration: Migration) -> Sketch:
    """Returns the model that a migration plans, with the checkpoint's values."""
    nodes = tuple(
        Node(
            name=record.name,
            target=record.target,
            inputs=record.inputs,
            outputs=record.outputs,
            config={key: value for key, value in record.config.items() if value is not None},
            values={w.name: w.arrange(migration.read(w.variable)) for w in record.weights},
        )
        for record in migration.plan.layers
    )
    return Sketch(migration.plan.inputs, nodes, migration.plan.outputs)


def build(sketch: Sketch, dtype: str = "float32") -> Any:
    """Returns the keras.Model of a sketch, filled.

    Args:
      sketch: of it. What cannot be built raises whatever Keras raises.
      dtype: what its layers compute in, where they do not say themselves.
    """
    model, _, layers = _build(sketch, dtype, "model")
    for node, layer in layers:
        for name, value in node.values.items():
            getattr(layer, name).assign(value)
        if node.touch is not None:
            node.touch(layer)
    return model if sketch.finish is None else sketch.finish(model)


def _build(sketch: Sketch, dtype: str, name: str) -> tuple[Any, dict[str, Any], list[Any]]:
    """Returns the model, its tensors by name, and each node with its layer."""
    import keras

    tensors = {record.tensor: _input(record, dtype) for record in sketch.inputs}
    inputs = [tensors[record.tensor] for record in sketch.inputs]
    layers: dict[str, Any] = {}
    filled: list[tuple[Node, Any]] = []
    for node in sketch.nodes:
        layer = layers.get(node.name)
        if layer is None:
            layer, inner = _make(node, dtype)
            layers[node.name] = layer
            filled += [(node, layer), *inner]
        given = [tensors[tensor] for tensor in node.inputs]
        as_list = (node.is_layer and len(given) > 1) or node.target == "ops.stack"
        made = layer(given, **node.call) if as_list else layer(*given, **node.call)
        results = made if isinstance(made, (list, tuple)) else [made]
        tensors.update(zip(node.outputs, results, strict=True))
        if isinstance(node.target, str) and node.target.startswith("ops."):
            results[0]._keras_history.operation.name = node.name
    if sketch.sequential:
        model = keras.Sequential([inputs[0], *(layers[n.name] for n in sketch.nodes)], name=name)
        return model, tensors, filled
    outputs = [tensors[tensor] for tensor in sketch.outputs]
    kind = sketch.kind or keras.Model
    single = inputs if len(inputs) > 1 else inputs[0]
    return kind(single, outputs if len(outputs) > 1 else outputs[0], name=name), tensors, filled


def _input(record: InputRecord, dtype: str) -> Any:
    import keras

    own = dtype if record.dtype == "float32" else record.dtype
    return keras.Input(record.shape[1:], dtype=own, name=record.name)


def _make(node: Node, dtype: str) -> tuple[Any, list[Any]]:
    """Returns a layer or function of tensors, and of a model each of its nodes with its layer."""
    import keras

    target = node.target
    if isinstance(target, Sketch):
        model, _, inner = _build(target, dtype, node.name)
        return model, inner
    if isinstance(target, str):
        room, _, name = target.partition(".")
        made = getattr(slimfix if room == "slimfix" else getattr(keras, room), name)
        if room == "ops":
            free = [key for key in inspect.signature(made).parameters if key not in node.config]
            return lambda *given: made(**dict(zip(free, given)), **node.config), []
        return made(**{"dtype": dtype, **node.config}, name=node.name), []
    if inspect.isclass(target):
        return target(**{"dtype": dtype, **node.config}, name=node.name), []
    return target, []
