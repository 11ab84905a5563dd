"""Rewrites the part of a graph that some tensors need, so that it runs here in one precision.

Layers in training mode for good are taken in inference mode; ops on variables become ops on their
values; what this machine has no kernel for is said in other words.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Collection, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.side_effects import refuse_side_effects
from slimfix.graphdef.variables import ASSIGN_OPS, PASSIVE_OPS
from slimfix.graphdef.view import GraphView, Node
from slimfix.reference import plain_graph
from slimfix.reference.channels_first import to_channels_last
from slimfix.reference.constant_parts import keep_constant_parts
from slimfix.reference.float64_kernels import write_in_float64
from slimfix.reference.known_sizes import with_known_sizes
from slimfix.reference.modes import in_inference_mode, without_dropout
from slimfix.reference.nodes import output, with_attrs

# What only training runs lies beside the way from inputs to outputs.
_WITHOUT_TRAINING = "leave training out (--levels=L1), or choose --inputs behind these nodes"


def rewrite(
    view: GraphView,
    feeds: Mapping[str, Any],
    fetches: Sequence[str],
    float64: bool,
    training: bool,
    live: Collection[str] = (),
) -> tuple[dict[str, Node], dict[str, str]]:
    """Returns the nodes to run, by name, and the new name by the old one of renamed tensors.

    Args:
      view, feeds, fetches, float64, training: as of `original.Original`.
      live: names of variables that stay variables; what assigns them does so, and what waits for
        that goes on waiting.
    Raises: UnsafeGraphError: they would do more than compute.
    """
    as_it_is = training or view.keeps_batch_statistics
    in_mode, renamed = without_dropout(view) if as_it_is else in_inference_mode(view)
    original = {node.name: node for node in in_mode}
    nodes: dict[str, Node] = {}
    switches = set()
    for tensor, value in feeds.items():
        fed = _fed_placeholder(tensor, np.asarray(value))
        nodes[fed.name] = fed
        if np.asarray(value).dtype == np.bool_ and np.ndim(value) == 0:
            switches.add(fed.name)
        if output(fed) != tensor:
            renamed[tensor] = output(fed)
    fed_nodes = {names.split_tensor_name(tensor)[0] for tensor in feeds}
    handles = plain_graph.find_handles(view.nodes)
    on_live = _nodes_on(view, live)
    waited_for = _may_die(view) | _ends_of_updates(view, on_live)
    for name in _needed(original, renamed, fetches, {*fed_nodes, *nodes}, waited_for):
        if name in original and name not in fed_nodes:
            node = original[name]
            if name in on_live:
                plain = plain_graph.without_hints(node)
            else:
                plain = plain_graph.read_instead(node, handles.get(name))
            nodes[name] = _reading(plain, renamed, waited_for)
    way_out = {"way_out": _WITHOUT_TRAINING} if training else {}
    refuse_side_effects(nodes.values(), view.allowed_ops, **way_out)
    widened: dict[str, str] = {}
    if float64:
        sized = {name: with_known_sizes(view, node) for name, node in nodes.items()}
        nodes, widened = keep_constant_parts(sized, switches)
    written: dict[str, Node] = {}
    moved: dict[str, str] = {}
    for node in nodes.values():
        made, more = _in_kernels_that_exist(node, float64)
        moved.update(more)
        written.update((each.name, each) for each in made)
    final = {
        name: _reading(_reading_wide(node, widened), moved, written)
        for name, node in written.items()
    }
    return final, {**renamed, **moved}


def _may_die(view: GraphView) -> set[str]:
    """Returns the names of the nodes that a conditional may leave out.

    What waits for them dies with them. Other control inputs only order side effects, of which
    inference has none, and may need what nobody feeds: labels to check, say.
    """
    switches = [node.name for node in view.nodes.values() if node.op in ("RefSwitch", "Switch")]
    return view.descendants(switches)


def _nodes_on(view: GraphView, variables: Collection[str]) -> set[str]:
    """Returns the names of the variables, and of the nodes that assign, read or hand them on."""
    found, pending = set(variables), list(variables)
    while pending:
        source = pending.pop()
        for node in view.consumers(source, control=False):
            hands_on = node.op in PASSIVE_OPS
            first = names.split_tensor_name(node.inputs[0])[0]
            if first == source and (hands_on or node.op in ASSIGN_OPS) and node.name not in found:
                found.add(node.name)
                if hands_on:
                    pending.append(node.name)
    return found


def _ends_of_updates(view: GraphView, nodes: Collection[str]) -> set[str]:
    """Returns the assignments among some nodes, and what only waits for them or hands them on."""
    assigning = [name for name in nodes if view.nodes[name].op in ASSIGN_OPS]

    def passes(node: Node) -> bool:
        return node.op == "NoOp" or node.op in ASSIGN_OPS or node.op in PASSIVE_OPS

    below = view.descendants(assigning, stop=lambda node: not passes(node))
    return {name for name in below if passes(view.nodes[name])}


def _fed_placeholder(tensor: str, value: np.ndarray) -> Node:
    import tensorflow.compat.v1 as tf

    attrs = {"dtype": tf.as_dtype(value.dtype), "shape": tf.TensorShape(value.shape)}
    return with_attrs(Node(names.fed_name(tensor), "Placeholder", (), ()), **attrs)


def _in_kernels_that_exist(node: Node, float64: bool) -> tuple[list[Node], dict[str, str]]:
    made, renamed = to_channels_last(node)
    if plain_graph.STAYS_FLOAT32 in node.attrs:
        return [with_attrs(each, **{plain_graph.STAYS_FLOAT32: True}) for each in made], renamed
    if not float64:
        return made, renamed
    written: list[Node] = []
    for each in made:
        nodes, more = write_in_float64(each)
        written += nodes
        renamed.update(more)
    return written, renamed


def _needed(
    nodes: Mapping[str, Node],
    renamed: Mapping[str, str],
    fetches: Sequence[str],
    stop: Collection[str],
    waited_for: Collection[str],
) -> set[str]:
    """Returns the names of the nodes that some tensors need: by data, or as one that may die."""
    seen: set[str] = set()
    pending = [names.split_tensor_name(last_name(each, renamed))[0] for each in fetches]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            if name not in stop:
                read = (last_name(tensor, renamed) for tensor in nodes[name].inputs)
                pending.extend(names.split_tensor_name(tensor)[0] for tensor in read)
                pending.extend(c for c in nodes[name].control_inputs if c in waited_for)
    return seen


def _reading(node: Node, renamed: Mapping[str, str], waited_for: Collection[str]) -> Node:
    """Returns a node that reads tensors by their new names, and waits only for these nodes."""
    return dataclasses.replace(
        node,
        inputs=tuple(last_name(tensor, renamed) for tensor in node.inputs),
        control_inputs=tuple(name for name in node.control_inputs if name in waited_for),
    )


def _reading_wide(node: Node, widened: Mapping[str, str]) -> Node:
    """Returns a node that reads in float64 what was computed in float32, unless it is of those."""
    if plain_graph.STAYS_FLOAT32 in node.attrs:
        return node
    return dataclasses.replace(node, inputs=tuple(widened.get(t, t) for t in node.inputs))


def last_name(tensor: str, renamed: Mapping[str, str]) -> str:
    """Returns the name that a tensor has after all renaming."""
    while tensor in renamed:
        tensor = renamed[tensor]
    return tensor
