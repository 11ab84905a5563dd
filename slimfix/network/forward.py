"""Which nodes of a graph are the network's forward pass, and which only look at it."""

from __future__ import annotations

from typing import Collection, Iterable

from slimfix import names
from slimfix.dtypes import FLOATING
from slimfix.graphdef.control_flow import is_switch
from slimfix.graphdef.dropout import find_dropouts
from slimfix.graphdef.updates import OPTIMIZER_UPDATES
from slimfix.graphdef.variables import trace_variable
from slimfix.graphdef.view import GraphView, Node

_WITH_KERNEL = (
    "Conv2D",
    "Conv2DBackpropInput",
    "Conv3D",
    "Conv3DBackpropInputV2",
    "DepthwiseConv2dNative",
    "MatMul",
)
_LOOKUPS = ("Gather", "GatherV2", "ResourceGather")
_PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault")
# The heads of the op names that hand out batches.
_BATCH_SOURCES = ("IteratorGetNext", "QueueDequeue")
# Ops that take the size of a tensor, whatever its values.
ONLY_SIZE = ("OnesLike", "Shape", "ShapeN", "Size", "ZerosLike")
# Ops that look at a network's values without being a part of it.
_ONLY_LOOK = {
    *ONLY_SIZE,
    "ArgMax",
    "Assert",
    "HistogramSummary",
    "ImageSummary",
    "L2Loss",
    "Print",
    "ScalarSummary",
    "TensorSummaryV2",
}


def find_placeholders(view: GraphView) -> list[Node]:
    """Returns the placeholders of a graph, in its order, but its settings."""
    settings = {node.name for node in find_settings(view)}
    placeholders = (node for node in view.nodes.values() if node.op in _PLACEHOLDERS)
    return [node for node in placeholders if node.name not in settings]


def find_settings(view: GraphView) -> list[Node]:
    """Returns the placeholders that say how to run a network: its switches and dropout rates."""
    dropouts = find_dropouts(view, view.nodes.values()).values()
    rates = {dropout.decided_by for dropout in dropouts}
    placeholders = (node for node in view.nodes.values() if node.op in _PLACEHOLDERS)
    return [node for node in placeholders if node.name in rates or is_switch(node)]


def is_layer(view: GraphView, node: Node) -> bool:
    """Tells whether a node is one that has weights, an embedding among them."""
    if node.op in _LOOKUPS:
        return trace_variable(view, node.inputs[0]) is not None
    return node.op in _WITH_KERNEL


def find_batch_sources(view: GraphView) -> list[Node]:
    """Returns the nodes that hand out batches: dataset iterators and queues."""
    return [node for node in view.nodes.values() if node.op.startswith(_BATCH_SOURCES)]


def find_forward(view: GraphView) -> set[str]:
    """Returns the names of the nodes that placeholders and batches flow through."""
    starts = [node.name for node in (*find_placeholders(view), *find_batch_sources(view))]
    return of_the_network(view, view.descendants(starts, control=False))


def of_the_network(view: GraphView, found: Iterable[str]) -> set[str]:
    """Returns the nodes but those of gradients, and of measurements that slimfix added."""
    return {
        name
        for name in found
        if name in view
        and not names.in_gradients_scope(name)
        and not names.in_scope(name, names.MEASURING_SCOPE)
    }


def find_values_of(view: GraphView, inputs: Iterable[str]) -> set[str]:
    """Returns the names of the nodes that depend on the values of inputs, not on sizes alone."""
    found = view.descendants(inputs, control=False, stop=lambda node: node.op in ONLY_SIZE)
    return {name for name in of_the_network(view, found) if view.nodes[name].op not in ONLY_SIZE}


def is_result(view: GraphView, node: Node) -> bool:
    """Tells whether a node gives floating-point values that are no by-product of an assignment."""
    if only_looks(view, node) or node.op.startswith(("Assign", *OPTIMIZER_UPDATES)):
        return False
    if any(view.producer(tensor).op.startswith("Assign") for tensor in node.inputs):
        return False
    return _output_dtype(node) in FLOATING


def only_looks(view: GraphView, node: Node) -> bool:
    """Tells whether a node looks at the network without being a part of it."""
    if node.op == "Reshape":  # tf.nn.softmax_cross_entropy_with_logits flattens its logits.
        readers = view.consumers(node.name, control=False)
        return any(reader.op == "SoftmaxCrossEntropyWithLogits" for reader in readers)
    if node.op == "Print":  # It hands on what it looks at.
        return not view.consumers(node.name, control=False)
    if node.op == "Switch":  # What tf.Assert prints goes into its conditional so.
        readers = view.consumers(node.name, control=False)
        return bool(readers) and all(reader.op == "Assert" for reader in readers)
    return node.op in _ONLY_LOOK


def find_readers(view: GraphView, node: Node, within: Collection[str]) -> list[Node]:
    """Returns the nodes of these names that read what a node gives and do not only look at it."""
    readers = view.consumers(node.name, control=False)
    return [each for each in readers if each.name in within and not only_looks(view, each)]


def _output_dtype(node: Node) -> int | None:
    for key in ("DstT", "output_type", "dtype", "T"):
        if isinstance(node.attr(key), int):  # Of several tensors it may be a list.
            return int(node.attr(key))
    return None
