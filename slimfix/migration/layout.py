"""A function being rewritten to channels last: where each tensor is, and in which order of axes."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.function import Function, Shape


def to_last(rank: int) -> tuple[int, ...]:
    """Returns the permutation from channels first to channels last: (0, 2, 3, 1) for rank 4."""
    return (0, *range(2, rank), 1)


def to_first(rank: int) -> tuple[int, ...]:
    """Returns the permutation from channels last to channels first: (0, 3, 1, 2) for rank 4."""
    return (0, rank - 1, *range(1, rank - 1))


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the new function holds a tensor of the old one, and whether with channels last."""

    tensor: str
    moved: bool


class Layout:
    """The new function so far.

    Attributes:
      transpose_count: how many transposes it has that the old one has not.
    """

    def __init__(self, function: Function, moved_inputs: Sequence[str]):
        self.transpose_count = 0
        self._old = function
        self._nodes: dict[str, Node] = {}
        self._constants = dict(function.constants)
        self._shapes = dict(function.shapes)
        self._places = {tensor: Place(tensor, True) for tensor in moved_inputs}
        self._turned: dict[tuple[str, bool], str] = {}
        for tensor in moved_inputs:
            self._shapes[tensor] = self._permuted_shape(tensor)

    def place(self, tensor: str) -> Place:
        """Returns where a tensor is."""
        return self._places.get(tensor, Place(tensor, False))

    def put(self, tensor: str, place: Place) -> None:
        """Says that a tensor needs no node: it is another one, in this order or the other."""
        self._places[tensor] = place

    def rank(self, tensor: str) -> int:
        """Returns the rank that a tensor has in the old function; 0 where it is unknown."""
        return len(self.shape(tensor) or ())

    def shape(self, tensor: str) -> Shape:
        """Returns the shape that a tensor has in the old function."""
        return self._old.shapes.get(tensor)

    def value(self, tensor: str) -> np.ndarray | None:
        """Returns the value of a constant of the old function, None for any other tensor."""
        return self._old.constants.get(tensor)

    def is_variable(self, tensor: str) -> bool:
        """Tells whether a tensor reads a variable."""
        return tensor in self._old.variables

    def keep(self, node: Node, inputs: Sequence[str], moved: bool = True, **attrs: Any) -> bool:
        """Keeps a node with other inputs and attributes; its outputs are moved or as they were."""
        changed = dataclasses.replace(
            node, inputs=tuple(inputs), attrs={**node.attrs, **attrs} if attrs else node.attrs
        )
        self._nodes[node.name] = changed
        if moved:
            for tensor in self._outputs(node):
                self._places[tensor] = Place(tensor, True)
                self._shapes[tensor] = self._permuted_shape(tensor)
        return True

    def as_it_was(self, tensor: str) -> str:
        """Returns the new name of a tensor in its old order of axes."""
        place = self.place(tensor)
        return self._turn(tensor, place, to_first) if place.moved else place.tensor

    def moved(self, tensor: str) -> str:
        """Returns the new name of a tensor with its channels last."""
        place = self.place(tensor)
        return place.tensor if place.moved else self._turn(tensor, place, to_last)

    def constant(self, scope: str, name: str, value: np.ndarray) -> str:
        """Adds a constant; returns its tensor name."""
        tensor = names.join_tensor_name(f"{scope}/{name}", 0)
        self._constants[tensor], self._shapes[tensor] = value, value.shape
        return tensor

    def result(self) -> Function:
        """Returns the new function."""
        old = self._old
        known = {*old.aliases, *old.inputs, *self._places}
        places = {name: self.place(old.aliases.get(name, name)) for name in known}
        ranks = {name: len(old.shapes.get(old.aliases.get(name, name)) or ()) for name in known}
        return dataclasses.replace(
            old,
            nodes=self._nodes,
            outputs=tuple(self.place(tensor).tensor for tensor in old.outputs),
            constants=self._constants,
            shapes=self._shapes,
            aliases={name: place.tensor for name, place in places.items()},
            permutations={
                name: to_last(ranks[name]) for name, place in places.items() if place.moved
            },
        )

    def _turn(self, tensor: str, place: Place, order: Callable[[int], tuple[int, ...]]) -> str:
        """Returns a tensor in the other order: a constant that is turned now, or a new node."""
        key = (tensor, place.moved)
        if key in self._turned:
            return self._turned[key]
        permutation = order(self.rank(tensor))
        node_name, index = names.split_tensor_name(tensor)
        turned = f"{node_name}{f'_{index}' if index else ''}/"
        turned += "channels_first" if place.moved else "channels_last"
        own = names.join_tensor_name(turned, 0)
        if tensor in self._constants and not place.moved:
            self._constants[own] = np.transpose(self._constants[tensor], permutation)
        else:
            self.transpose_count += 1
            axes = self.constant(turned, "permutation", np.array(permutation, np.int32))
            self._nodes[turned] = Node(turned, "Transpose", (place.tensor, axes), ())
        shape = self._old.shapes.get(tensor)
        self._shapes[own] = shape if place.moved else self._permuted_shape(tensor)
        self._turned[key] = own
        return own

    def _outputs(self, node: Node) -> list[str]:
        count = node.attr("num_split", 1)
        return [names.join_tensor_name(node.name, index) for index in range(count)]

    def _permuted_shape(self, tensor: str) -> Shape:
        shape = self._old.shapes.get(tensor)
        return None if shape is None else tuple(shape[axis] for axis in to_last(len(shape)))
