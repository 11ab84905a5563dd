"""Rewrites the part of a graph that some tensors need, so that it runs here in one precision.

Layers in training mode for good are taken in inference mode; ops on variables become ops on their
values; what this machine has no kernel for is said in other words.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Collection, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.view import GraphView, Node
from slimfix.parity import plain_graph
from slimfix.parity.channels_first import to_channels_last
from slimfix.parity.constant_parts import compute_constants
from slimfix.parity.float64_kernels import write_in_float64
from slimfix.parity.inference_mode import in_inference_mode
from slimfix.parity.nodes import output, with_attrs


def rewrite(
    view: GraphView, feeds: Mapping[str, Any], fetches: Sequence[str], float64: bool
) -> tuple[dict[str, Node], dict[str, str]]:
    """Returns the nodes to run, by name, and the new name by the old one of renamed tensors.

    Args: as of `reference.Original`.
    """
    import tensorflow.compat.v1 as tf

    inferring, renamed = in_inference_mode(view)
    original = {node.name: node for node in inferring}
    nodes = {}
    for tensor, value in feeds.items():
        fed = _fed_placeholder(tensor, np.asarray(value))
        nodes[fed.name] = fed
        if output(fed) != tensor:
            renamed[tensor] = output(fed)
    fed_nodes = {names.split_tensor_name(tensor)[0] for tensor in feeds}
    handles = plain_graph.find_handles(view.nodes)
    needed = _needed(original, renamed, fetches, stop={*fed_nodes, *nodes})
    for tensor, value in (compute_constants(view, needed) if float64 else {}).items():
        name = "{}/constant_{}".format(*names.split_tensor_name(tensor))
        kept = Node(name, "Const", (), ())
        nodes[name] = with_attrs(kept, dtype=tf.as_dtype(value.dtype), value=np.asarray(value))
        renamed[tensor] = output(kept)
    for name in needed:
        if name in original and name not in fed_nodes:
            plain = plain_graph.read_instead(original[name], handles.get(name))
            made, more = _in_kernels_that_exist(plain, float64)
            renamed.update(more)
            nodes.update((node.name, node) for node in made)
    return {name: _reading(node, renamed, nodes) for name, node in nodes.items()}, renamed


def _fed_placeholder(tensor: str, value: np.ndarray) -> Node:
    import tensorflow.compat.v1 as tf

    attrs = {"dtype": tf.as_dtype(value.dtype), "shape": tf.TensorShape(value.shape)}
    return with_attrs(Node(names.fed_name(tensor), "Placeholder", (), ()), **attrs)


def _in_kernels_that_exist(node: Node, float64: bool) -> tuple[list[Node], dict[str, str]]:
    made, renamed = to_channels_last(node)
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
) -> set[str]:
    """Returns the names of the nodes that some tensors need, over data and control edges."""
    seen: set[str] = set()
    pending = [names.split_tensor_name(last_name(each, renamed))[0] for each in fetches]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            if name not in stop:
                read = (last_name(tensor, renamed) for tensor in nodes[name].inputs)
                pending.extend(names.split_tensor_name(tensor)[0] for tensor in read)
                pending.extend(nodes[name].control_inputs)
    return seen


def _reading(node: Node, renamed: Mapping[str, str], nodes: Mapping[str, Node]) -> Node:
    """Returns a node that reads tensors by their new names, and waits for what there is."""
    return dataclasses.replace(
        node,
        inputs=tuple(last_name(tensor, renamed) for tensor in node.inputs),
        control_inputs=tuple(name for name in node.control_inputs if name in nodes),
    )


def last_name(tensor: str, renamed: Mapping[str, str]) -> str:
    """Returns the name that a tensor has after all renaming."""
    while tensor in renamed:
        tensor = renamed[tensor]
    return tensor
