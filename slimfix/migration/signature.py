"""Finds the inputs and outputs of the network in a TensorFlow 1 graph, or lists the candidates."""

from __future__ import annotations

import dataclasses
from typing import Iterable, Sequence

from slimfix import names
from slimfix.errors import MigrationError, UsageError, explain
from slimfix.graphdef.control_flow import is_switch
from slimfix.graphdef.updates import OPTIMIZER_UPDATES
from slimfix.graphdef.view import GraphView, Node

_FLOAT_TYPES = {1, 2, 14, 19}  # DT_FLOAT, DT_DOUBLE, DT_BFLOAT16, DT_HALF
_WEIGHTED_OPS = {
    "Conv2D",
    "Conv2DBackpropInput",
    "Conv3D",
    "DepthwiseConv2dNative",
    "GatherV2",
    "MatMul",
    "ResourceGather",
}
_PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault")
# Ops that look at a network's values without being a part of it.
_ONLY_LOOK = {
    "ArgMax",
    "HistogramSummary",
    "ImageSummary",
    "L2Loss",
    "Print",
    "ScalarSummary",
    "Shape",
    "Size",
    "TensorSummaryV2",
}


@dataclasses.dataclass(frozen=True)
class Signature:
    """Tensor names that the network takes and gives."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def find_signature(
    view: GraphView, inputs: str | Sequence[str] = (), outputs: str | Sequence[str] = ()
) -> Signature:
    """Returns the network's inputs and outputs, as given or else as the graph leaves no doubt.

    An input is a placeholder that reaches a layer with weights (labels do not). An output is a
    floating-point tensor that comes from the inputs alone (a loss needs labels) and that nothing
    else of that kind reads. `tf.gradients` scopes are left out.

    Args:
      view: the whole graph.
      inputs: tensor names; () to find them.
      outputs: tensor names; () to find them.
    Raises:
      UsageError: a name that is not in the graph; or more than one candidate: all are listed.
      MigrationError: no candidate.
    """
    inputs = tuple(_known_tensor(view, name) for name in _as_names(inputs))
    outputs = tuple(_known_tensor(view, name) for name in _as_names(outputs))
    found_inputs = inputs or _find_inputs(view, outputs)
    return Signature(found_inputs, outputs or _find_outputs(view, found_inputs))


def _as_names(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _known_tensor(view: GraphView, name: str) -> str:
    """Returns the full name of a tensor; 'conv1/Relu' stands for 'conv1/Relu:0'."""
    node, colon, index = name.partition(":")
    if node in view and (index.isdigit() or not colon):
        return names.join_tensor_name(node, int(index or 0))
    near = names.near_names(node, list(view.nodes), count=5)
    raise UsageError(
        explain(
            f"The graph has no tensor '{name}'" + ("; near names" if near else ""),
            [f"'{found}:0' ({view.nodes[found].op})" for found in near],
            fix="name the tensor as it is called in the graph, e.g. net/logits/BiasAdd:0.",
        )
    )


def _find_inputs(view: GraphView, outputs: Sequence[str]) -> tuple[str, ...]:
    ends = [names.split_tensor_name(tensor)[0] for tensor in outputs]
    within = view.ancestors(ends) if ends else set(view.nodes)
    placeholders = [
        node
        for node in view.nodes.values()
        if node.op in _PLACEHOLDERS and node.name in within and not is_switch(node)
    ]
    found = [node for node in placeholders if _reaches_a_layer(view, node)]
    if not found:
        raise MigrationError(
            explain(
                "No input found: no placeholder of the graph reaches a layer with weights",
                [f"'{node.name}:0' ({node.op})" for node in _batch_sources(view)],
                cause="the training graph reads its batches from queues or a dataset iterator.",
                fix="name the tensor that holds the images, among those above or behind them, "
                "with --inputs=NAME:0.",
            )
        )
    return _the_only(found, "input", "--inputs")


def _find_outputs(view: GraphView, inputs: Sequence[str]) -> tuple[str, ...]:
    roots = {names.split_tensor_name(tensor)[0] for tensor in inputs}
    others = [
        node
        for node in view.nodes.values()
        if node.op in _PLACEHOLDERS and node.name not in roots and not is_switch(node)
    ]
    # What else a node that is fed gives, such as the labels of a batch, is no input.
    beside = [r for root in roots for r in view.consumers(root, control=False)]
    from_others = view.descendants(
        [node.name for node in others]
        + [r.name for r in beside if _reads_beside(r, roots, inputs)],
        control=False,
        stop=lambda node: node.name in roots,
    )
    forward = _of_the_network(view, view.descendants(roots, control=False)) - from_others
    ends = [
        node
        for node in view.nodes.values()
        if node.name in forward - roots
        and _is_result(view, node)
        and not any(
            reader.name in forward and not _only_looks(view, reader)
            for reader in view.consumers(node.name, control=False)
        )
    ]
    if not ends:
        raise MigrationError(
            explain(
                "No output found: nothing depends on the inputs alone",
                [f"'{tensor}'" for tensor in inputs],
                fix="name the output tensor with --outputs=NAME:0.",
            )
        )
    return _the_only(ends, "output", "--outputs")


def _batch_sources(view: GraphView) -> list[Node]:
    """Returns the nodes that hand out batches: dataset iterators and queues."""
    heads = ("IteratorGetNext", "QueueDequeue", "OneShotIterator")
    return [node for node in view.nodes.values() if node.op.startswith(heads)]


def _reads_beside(reader: Node, roots: set[str], inputs: Sequence[str]) -> bool:
    return any(
        names.split_tensor_name(tensor)[0] in roots and tensor not in inputs
        for tensor in reader.inputs
    )


def _reaches_a_layer(view: GraphView, placeholder: Node) -> bool:
    reached = _of_the_network(view, view.descendants([placeholder.name], control=False))
    return any(view.nodes[name].op in _WEIGHTED_OPS for name in reached)


def _of_the_network(view: GraphView, found: Iterable[str]) -> set[str]:
    """Returns the nodes but those of gradients, and of measurements that slimfix added."""
    return {
        name
        for name in found
        if name in view
        and not names.in_gradients_scope(name)
        and not names.in_scope(name, names.MEASURING_SCOPE)
    }


def _is_result(view: GraphView, node: Node) -> bool:
    """Tells whether a node gives floating-point values that are no by-product of an assignment."""
    if _only_looks(view, node) or node.op.startswith(("Assign", *OPTIMIZER_UPDATES)):
        return False
    if any(view.producer(tensor).op.startswith("Assign") for tensor in node.inputs):
        return False
    return _output_dtype(node) in _FLOAT_TYPES


def _only_looks(view: GraphView, node: Node) -> bool:
    """Tells whether a node looks at the network without being a part of it."""
    if node.op == "Reshape":  # tf.nn.softmax_cross_entropy_with_logits flattens its logits.
        readers = view.consumers(node.name, control=False)
        return any(reader.op == "SoftmaxCrossEntropyWithLogits" for reader in readers)
    return node.op in _ONLY_LOOK


def _output_dtype(node: Node) -> int | None:
    for key in ("DstT", "output_type", "dtype", "T"):
        if node.attr(key) is not None:
            return int(node.attr(key))
    return None


def _the_only(candidates: list[Node], what: str, flag: str) -> tuple[str, ...]:
    if len(candidates) > 1:
        raise UsageError(
            explain(
                f"The graph leaves {len(candidates)} candidates for the {what} of the network",
                [f"{node.name}:0 ({node.op})" for node in candidates],
                fix=f"name the one you want, or several with commas: {flag}=NAME:0.",
            )
        )
    return (names.join_tensor_name(candidates[0].name, 0),)
