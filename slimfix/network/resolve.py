"""Reduces a TensorFlow 1 graph to the function from inputs to outputs, in inference mode."""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, Mapping, Sequence

from slimfix import names
from slimfix.dtypes import BOOL
from slimfix.graphdef.control_flow import is_switch
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView, Node
from slimfix.network.forward_pass import Pass, list_nodes
from slimfix.network.resolved import Resolved


def find_switches(view: GraphView, outputs: Sequence[str]) -> list[str]:
    """Returns the tensor names of the boolean placeholders and variables that `outputs` need."""
    needed = view.ancestors(names.split_tensor_name(tensor)[0] for tensor in outputs)
    return [
        names.join_tensor_name(node.name, 0)
        for node in view.nodes.values()
        if node.name in needed and (is_switch(node) or _is_boolean_variable(node))
    ]


def _is_boolean_variable(node: Node) -> bool:
    """Some keep `is_training` in a variable."""
    return node.op in VARIABLE_OPS and node.attr("dtype") == BOOL and node.attr("shape") == ()


def resolve(
    view: GraphView,
    inputs: Sequence[str],
    outputs: Sequence[str],
    joined: Mapping[str, str] = MappingProxyType({}),
) -> Resolved:
    """Returns the function from `inputs` to `outputs` with every switch at its inference value.

    The inference value of a boolean is the one that leaves fewest batch statistics
    and random numbers in the function, so that `is_inference` is understood as well as
    `is_training`. Where both leave the same it decides something else: then it keeps its own
    default, or False where it has none, and a note says so.

    Args:
      view: the whole graph.
      inputs: tensor names to feed; the graph above them is cut off.
      outputs: tensor names to compute.
      joined: the partitioned variable by the name of the node that joins its parts.
    """
    defaults = {tensor: _default(view, tensor) for tensor in find_switches(view, outputs)}
    starts = [defaults, dict.fromkeys(defaults, False), dict.fromkeys(defaults, True)]
    nodes = list_nodes(view, inputs, outputs, joined)
    found = [_improve(Pass(nodes, inputs, outputs, start), _less) for start in starts]
    best = min(found, key=Pass.training_marks)
    opposite = {tensor: not value for tensor, value in best.switches.items()}
    trained = [_improve(best, _more)]
    if len(opposite) > 1:
        trained.append(_improve(Pass(nodes, inputs, outputs, opposite), _more))
    training = max(trained, key=Pass.training_marks)
    return best.resolved(training.switches, _undecided(best))


def resolve_as(
    view: GraphView,
    inputs: Sequence[str],
    outputs: Sequence[str],
    joined: Mapping[str, str],
    switches: Mapping[str, bool],
) -> Resolved:
    """Returns the function from `inputs` to `outputs` with every switch at a given value.

    Args: as of `resolve`; and `switches`: by tensor name, all that `find_switches` finds.
    """
    nodes = list_nodes(view, inputs, outputs, joined)
    return Pass(nodes, inputs, outputs, switches).resolved(switches, [])


def _default(view: GraphView, switch: str) -> bool:
    """Returns what a placeholder is when nobody feeds it; False where that is no constant."""
    node = view.producer(switch)
    default = view.producer(node.inputs[0]) if node.inputs else node
    is_scalar = default.op == "Const" and default.attr("value").ndim == 0
    return bool(default.attr("value")) if is_scalar else False


def _improve(current: Pass, better: Callable[[Pass, Pass], bool]) -> Pass:
    """Flips one switch after the other where the pass is the better for it."""
    for tensor in current.switches:
        flipped = current.flipped(tensor)
        if better(flipped, current):
            current = flipped
    return current


def _less(one: Pass, other: Pass) -> bool:
    return one.training_marks() < other.training_marks()


def _more(one: Pass, other: Pass) -> bool:
    return one.training_marks() > other.training_marks()


def _undecided(chosen: Pass) -> list[str]:
    """Returns notes on switches that change the function, but not from training to inference."""
    notes = []
    for tensor, value in chosen.switches.items():
        other = chosen.flipped(tensor)
        if (
            other.training_marks() == chosen.training_marks()
            and other.needed_nodes != chosen.needed_nodes
        ):
            notes.append(
                f"{tensor}: taken as {value}; this switch decides something else than training"
            )
    return notes
