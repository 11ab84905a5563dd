"""Finds the inputs and outputs of the network in a TensorFlow 1 graph, or lists the candidates."""

from __future__ import annotations

import dataclasses
from typing import Collection, Sequence

from slimfix import names
from slimfix.errors import MigrationError, UsageError, count, explain
from slimfix.graphdef.control_flow import is_switch
from slimfix.graphdef.view import GraphView, Node
from slimfix.network.ends import find_ends
from slimfix.network.forward import (
    find_batch_sources,
    find_placeholders,
    find_values_of,
    is_layer,
    of_the_network,
)
from slimfix.network.tensor_names import find_end_points, find_tensor


@dataclasses.dataclass(frozen=True)
class Signature:
    """Tensor names that the network takes and gives."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def find_signature(
    view: GraphView, inputs: str | Sequence[str] = (), outputs: str | Sequence[str] = ()
) -> Signature:
    """Returns the network's inputs and outputs, as given or else as the graph leaves no doubt.

    An input is a placeholder that reaches a layer with weights (labels do not); where there is
    none, what a queue or a dataset iterator gives to such layers. An output is a floating-point
    tensor that comes from the inputs alone (a loss needs labels) and that nothing else of that
    kind reads. `tf.gradients` scopes are left out.

    Args:
      view: the whole graph.
      inputs: tensor names; () to find them.
      outputs: names of end points (see `tensor_names.find_end_points`); () to find them.
    Raises:
      UsageError: a name that is not in the graph, an input that is a switch such as is_training,
        or more than one candidate: all are listed.
      MigrationError: no candidate.
    """
    inputs = tuple(find_tensor(view, name) for name in _as_names(inputs))
    _refuse_switches(view, inputs)
    ends = [tensor for name in _as_names(outputs) for tensor in find_end_points(view, name)]
    outputs = tuple(dict.fromkeys(ends))
    found_inputs = inputs or _find_inputs(view, outputs)
    return Signature(found_inputs, outputs or _find_outputs(view, found_inputs))


def _refuse_switches(view: GraphView, inputs: Sequence[str]) -> None:
    switches = [tensor for tensor in inputs if is_switch(view.producer(tensor))]
    if switches:
        raise UsageError(
            explain(
                f"{count(len(switches), 'input')} would be a switch, which a Keras model does not "
                "take",
                [f"'{tensor}'" for tensor in switches],
                fix="leave them out; each is given the value that it has in inference.",
            )
        )


def _as_names(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _find_inputs(view: GraphView, outputs: Sequence[str]) -> tuple[str, ...]:
    ends = [names.split_tensor_name(tensor)[0] for tensor in outputs]
    within = view.ancestors(ends) if ends else set(view.nodes)
    placeholders = [node for node in find_placeholders(view) if node.name in within]
    found = [
        names.join_tensor_name(node.name, 0)
        for node in placeholders
        if _reaches_a_layer(view, [node.name])
    ]
    found = found or [t for t in _find_batches(view) if names.split_tensor_name(t)[0] in within]
    if not found:
        raise MigrationError(
            explain(
                "No input found: nothing that is fed, or handed out in batches, reaches a layer "
                "with weights",
                [f"'{node.name}:0' ({node.op})" for node in find_batch_sources(view)],
                cause="the network computes its own inputs, or has no layers.",
                fix="name the tensor that holds the images with --inputs=NAME:0.",
            )
        )
    # What outputs that were named depend on is no matter of choice.
    return tuple(found) if ends else _the_only(view, found, "input", "--inputs")


def _find_batches(view: GraphView) -> list[str]:
    """Returns the tensors of queues and iterators that flow into layers by no further queue."""
    sources = find_batch_sources(view)
    stops = {node.name for node in sources}
    found = []
    for source in sources:
        readers = view.consumers(source.name, control=False)
        tensors = {t for reader in readers for t in reader.inputs}
        for tensor in sorted(t for t in tensors if names.split_tensor_name(t)[0] == source.name):
            starts = [reader.name for reader in readers if tensor in reader.inputs]
            if _reaches_a_layer(view, starts, stops):
                found.append(tensor)
    return found


def _reaches_a_layer(view: GraphView, starts: Sequence[str], stops: Collection[str] = ()) -> bool:
    below = view.descendants(starts, control=False, stop=lambda node: node.name in stops)
    reached = of_the_network(view, below)
    return any(is_layer(view, view.nodes[name]) for name in reached)


def _find_outputs(view: GraphView, inputs: Sequence[str]) -> tuple[str, ...]:
    roots = {names.split_tensor_name(tensor)[0] for tensor in inputs}
    others = [node for node in find_placeholders(view) if node.name not in roots]
    # What else a node that is fed gives, such as the labels of a batch, is no input.
    beside = [r for root in roots for r in view.consumers(root, control=False)]
    from_others = view.descendants(
        [node.name for node in others]
        + [r.name for r in beside if _reads_beside(r, roots, inputs)],
        control=False,
        stop=lambda node: node.name in roots,
    )
    forward = find_values_of(view, roots) - from_others
    ends = find_ends(view, forward, roots)
    if not ends:
        raise MigrationError(
            explain(
                "No output found: nothing depends on the inputs alone",
                [f"'{tensor}'" for tensor in inputs],
                fix="name the output tensor with --outputs=NAME:0.",
            )
        )
    tensors = [names.join_tensor_name(node.name, 0) for node in ends]
    return _the_only(view, tensors, "output", "--outputs")


def _reads_beside(reader: Node, roots: set[str], inputs: Sequence[str]) -> bool:
    return any(
        names.split_tensor_name(tensor)[0] in roots and tensor not in inputs
        for tensor in reader.inputs
    )


def _the_only(view: GraphView, candidates: list[str], what: str, flag: str) -> tuple[str, ...]:
    if len(candidates) > 1:
        raise UsageError(
            explain(
                f"The graph leaves {len(candidates)} candidates for the {what} of the network",
                [f"{tensor} ({view.producer(tensor).op})" for tensor in candidates],
                fix=f"name the one you want, or several with commas: {flag}=NAME:0.",
            )
        )
    return tuple(candidates)
