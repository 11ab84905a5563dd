"""What the asserts of a graph allow an input to hold, where that can be read."""

from __future__ import annotations

import dataclasses
import math
from typing import Iterator

import numpy as np

from slimfix.graphdef.constants import read_scalar
from slimfix.graphdef.view import GraphView

_SAME_CONDITION = ("All", "Identity", "RefIdentity", "RefSwitch", "Switch")
_SAME_VALUES = ("Cast", "Identity", "Reshape", "StopGradient", "Switch")
_TURNED = {"Less": "Greater", "LessEqual": "GreaterEqual"}
_TURNED.update({turned: op for op, turned in _TURNED.items()})
_COMPARISONS = (*_TURNED, "Equal")


@dataclasses.dataclass(frozen=True)
class Bounds:
    """An interval.

    Attributes:
      low, high: its ends, which may be infinite.
      without_low, without_high: the end itself is not in it.
    """

    low: float = -math.inf
    high: float = math.inf
    without_low: bool = False
    without_high: bool = False

    def cut(self, other: Bounds) -> Bounds:
        """Returns what is in both."""
        low, without_low = max((each.low, each.without_low) for each in (self, other))
        high, with_high = min((each.high, not each.without_high) for each in (self, other))
        return Bounds(low, high, without_low, not with_high)

    def lowest(self, dtype: np.dtype) -> float:
        """Returns the lowest number of a dtype in it."""
        return self.low if not self.without_low else _next(self.low, 1, dtype)

    def highest(self, dtype: np.dtype) -> float:
        """Returns the highest number of a dtype in it."""
        return self.high if not self.without_high else _next(self.high, -1, dtype)


def find_bounds(view: GraphView, tensor: str) -> Bounds:
    """Returns what all asserts of a graph together allow each number of an input.

    Read are comparisons of the input, of its largest or smallest number, or of its absolute value,
    with a constant.
    """
    bounds = Bounds()
    for op, left, right in _comparisons(view):
        for one, each, other in ((op, left, right), (_TURNED.get(op, op), right, left)):
            limit = read_scalar(view, other)
            found = None if limit is None else _read(view, tensor, one, each, limit)
            bounds = bounds.cut(found or Bounds())
    return bounds


def _comparisons(view: GraphView) -> Iterator[tuple[str, str, str]]:
    """Gives (op, left, right) of the comparisons that must all hold, each once."""
    pending = [node.inputs[0] for node in view.nodes.values() if node.op == "Assert"]
    seen: set[str] = set()
    while pending:
        node = view.producer(pending.pop())
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.op in _SAME_CONDITION:
            pending.append(node.inputs[0])
        elif node.op == "LogicalAnd":
            pending += node.inputs
        elif node.op in _COMPARISONS:
            yield (node.op, node.inputs[0], node.inputs[1])


def _read(view: GraphView, tensor: str, op: str, compared: str, limit: float) -> Bounds | None:
    """Returns what `op(compared, limit)` says of the numbers of a tensor; None for nothing."""
    absolute, of = False, {"Max", "Min"}
    while compared != tensor:
        node = view.producer(compared)
        if node.op in ("Max", "Min"):
            of &= {node.op}
        elif node.op == "Abs":
            absolute = True
        elif node.op not in _SAME_VALUES:
            return None
        if not node.inputs:
            return None
        compared = node.inputs[0]
    strict = op in ("Greater", "Less")
    if op.startswith("Less") and "Max" in of:
        low = -limit if absolute else -math.inf
        return Bounds(low, limit, strict and absolute, strict)
    if op.startswith("Greater") and "Min" in of:
        return Bounds(limit, math.inf, strict, False)
    if op == "Equal" and len(of) == 2 and not absolute:
        return Bounds(limit, limit)
    return None


def _next(value: float, direction: int, dtype: np.dtype) -> float:
    if not math.isfinite(value):
        return value
    if dtype.kind != "f":
        return math.floor(value) + 1 if direction > 0 else math.ceil(value) - 1
    return float(np.nextafter(dtype.type(value), dtype.type(direction * math.inf)))
