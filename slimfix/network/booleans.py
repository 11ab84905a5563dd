"""What boolean tensors are when the switches have their values."""

from __future__ import annotations

from slimfix import names
from slimfix.dtypes import BOOL
from slimfix.graphdef.view import Node


class Booleans:
    """The boolean scalars that are known so far, by tensor name; nodes come sources first."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def get(self, tensor: str) -> bool | None:
        """Returns what a tensor is, None where that is not known."""
        return self._known.get(tensor)

    def set(self, tensor: str, value: bool) -> None:
        """Says what a switch is."""
        self._known[tensor] = value

    def copy(self, source: str, target: str) -> None:
        """Says that a tensor is what another is, where that is known."""
        if source in self._known:
            self._known.setdefault(target, self._known[source])

    def evaluate(self, node: Node) -> None:
        """Finds out what a constant or a logical op gives."""
        own = names.join_tensor_name(node.name, 0)
        known = [self.get(tensor) for tensor in node.inputs]
        if node.op == "Const" and node.attr("dtype") == BOOL and node.attr("value").ndim == 0:
            self._known[own] = bool(node.attr("value"))
        elif node.op == "LogicalNot" and known[0] is not None:
            self._known[own] = not known[0]
        elif node.op == "LogicalAnd" and (False in known or None not in known):
            self._known[own] = all(known)
        elif node.op == "LogicalOr" and (True in known or None not in known):
            self._known[own] = any(known)
