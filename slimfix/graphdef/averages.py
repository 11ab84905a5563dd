"""The formula by which an update moves a statistic: what it takes in, and the decay."""

from __future__ import annotations

import dataclasses
import math
from typing import Sequence

from slimfix.graphdef.constants import read_scalar
from slimfix.graphdef.updates import Update
from slimfix.graphdef.variables import trace_variable
from slimfix.graphdef.view import GraphView, Node

_DECAY_DIGITS = 12  # What 1 - rate has beyond them is rounding: a rate has nine digits at most.


@dataclasses.dataclass(frozen=True)
class MovingAverage:
    """An update of the form `moving -= (moving - value) * rate`.

    Attributes:
      node: name of the node that assigns.
      value, rate: tensor names; both are made where the update is, not inside a branch that
        only feeds it.
      decay: 1 - rate, as slim calls it; None where the rate is no constant.
    """

    node: str
    value: str
    rate: str
    decay: float | None


def find_averages(
    view: GraphView, updates: Sequence[Update], taken_when: bool = True
) -> dict[str, MovingAverage]:
    """Returns the moving averages among updates, by the name of the variable that they assign.

    Args:
      view: the graph.
      updates: a layer's.
      taken_when: the value of the layer's switch that selects training mode.
    Returns: the first of each variable. Updates of another form, such as that of a step counter,
      are left out.
    """
    found: dict[str, MovingAverage] = {}
    for update in updates:
        average = _read_average(view, update, taken_when)
        if average:
            found.setdefault(update.variable, average)
    return found


def _read_average(view: GraphView, update: Update, taken_when: bool) -> MovingAverage | None:
    assign = view.nodes[update.node]
    if assign.op in ("AssignSub", "AssignSubVariableOp"):
        return _read_step(view, update, view.producer(assign.inputs[1]), taken_when)
    if assign.op in ("Assign", "AssignVariableOp"):
        return _read_blend(view, update, view.producer(assign.inputs[1]), taken_when)
    return None


def _read_step(
    view: GraphView, update: Update, delta: Node, taken_when: bool
) -> MovingAverage | None:
    """Reads `moving -= (moving - batch) * rate`, as slim and tf_keras write it."""
    if delta.op in ("Select", "SelectV2"):  # Keeps the statistic where the batch is empty.
        delta = view.producer(delta.inputs[1])
    if delta.op != "Mul":
        return None
    difference = view.producer(delta.inputs[0])
    if difference.op != "Sub" or trace_variable(view, difference.inputs[0]) != update.variable:
        return None
    value, rate = difference.inputs[1], delta.inputs[1]
    return MovingAverage(update.node, value, rate, _decay(read_scalar(view, rate, taken_when)))


def _read_blend(
    view: GraphView, update: Update, total: Node, taken_when: bool
) -> MovingAverage | None:
    """Reads `moving = moving * decay + batch * rate`, as Keras 3 and many hands write it."""
    if total.op not in ("Add", "AddV2"):
        return None
    products = [view.producer(tensor) for tensor in total.inputs]
    if any(each.op != "Mul" for each in products):
        return None
    moving = [each for each in products if _scales(view, each, update.variable)]
    if len(moving) != 1:
        return None
    (batch,) = (each for each in products if each is not moving[0])
    for value, rate in (batch.inputs, batch.inputs[::-1]):
        factor = read_scalar(view, rate, taken_when)
        if factor is not None:
            return MovingAverage(update.node, value, rate, _decay(factor))
    return None


def _scales(view: GraphView, product: Node, variable: str) -> bool:
    return any(trace_variable(view, tensor) == variable for tensor in product.inputs)


def _decay(rate: float | None) -> float | None:
    if rate is None or not math.isfinite(rate):
        return None
    return round(1.0 - rate, _DECAY_DIGITS)
