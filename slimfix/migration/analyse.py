"""Lets TensorFlow itself infer the shapes of a resolved graph and compute its constant parts."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.errors import MigrationError, UsageError
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.view import Node
from slimfix.migration.function import Function, Shape
from slimfix.network.importing import FunctionGraph, find_constant, import_function
from slimfix.network.resolved import Resolved
from slimfix.network.weights import Weights
from slimfix.running import run_session, session_of

_PICKS = ("GatherV2", "Slice", "StridedSlice")
# A batch whose multiples are no other sizes that networks have; products with them fit an int32.
_PRIME = 10007


def analyse(
    resolved: Resolved, weights: Weights, input_shapes: Mapping[str, tuple[Shape, int]]
) -> Function:
    """Returns the resolved graph with its shapes known and its constant parts computed.

    Args:
      resolved: the pruned graph.
      weights: gives the shapes of the variables.
      input_shapes: (static shape, dtype enum) by input tensor name.
    Raises:
      UnsafeGraphError: its constant parts would be too large.
      UnsupportedOpError: an op that this TensorFlow does not have.
      MigrationError: TensorFlow refuses the graph, e.g. for shapes that do not fit.
    """
    graph = import_function(resolved, weights, input_shapes)
    fed = {tensor: names.fed_name(tensor) + ":0" for tensor in resolved.inputs}
    shapes = {tensor: _shape(graph, tensor, fed) for tensor in _all_tensors(resolved)}
    constants = _fold(graph, resolved)
    batched = _shapes_of_a_batch(resolved, weights, input_shapes)
    batches = {tensor: _follows_batch(shape) for tensor, shape in batched.items() if shape}
    shapes.update({tensor: _completed(shapes[tensor], batched.get(tensor)) for tensor in shapes})
    aliases = _skip_neutral(resolved, constants, shapes)
    return dataclasses.replace(_reduced(resolved, constants, shapes, aliases), batches=batches)


def _shapes_of_a_batch(
    resolved: Resolved, weights: Weights, input_shapes: Mapping[str, tuple[Shape, int]]
) -> dict[str, Shape]:
    """Returns the shapes that tensors have for a batch of `_PRIME` samples, {} if there are none.

    Arithmetic on sizes is then arithmetic on numbers, which shape inference does by itself.
    """
    fixed = {
        tensor: ((_PRIME, *shape[1:]) if shape else shape, dtype)
        for tensor, (shape, dtype) in input_shapes.items()
    }
    try:
        graph = import_function(resolved, weights, fixed)
    except MigrationError:
        return {}  # The graph holds the size of its batch as a number.
    fed = {tensor: names.fed_name(tensor) + ":0" for tensor in resolved.inputs}
    return {tensor: _shape(graph, tensor, fed) for tensor in _all_tensors(resolved)}


def _follows_batch(shape: Shape) -> dict[int, int]:
    return {
        axis: size // _PRIME
        for axis, size in enumerate(shape or ())
        if size is not None and size > 0 and size % _PRIME == 0
    }


def _completed(shape: Shape, batched: Shape) -> Shape:
    """Returns a shape with the sizes that are known as soon as that of the batch is."""
    if batched is None or (shape is not None and len(shape) != len(batched)):
        return shape
    followed = _follows_batch(batched)
    before = (None,) * len(batched) if shape is None else shape
    return tuple(
        new if old is None and axis not in followed else old
        for axis, (old, new) in enumerate(zip(before, batched))
    )


def _shape(graph: FunctionGraph, tensor: str, fed: Mapping[str, str]) -> Shape:
    try:
        shape = graph.tensor(fed.get(tensor, tensor)).shape
    except KeyError as error:
        raise UsageError(f"The graph has no tensor '{tensor}': {error.args[0]}") from error
    return None if shape.rank is None else tuple(shape.as_list())


def _all_tensors(resolved: Resolved) -> list[str]:
    found = dict.fromkeys((*resolved.inputs, *resolved.variables, *resolved.outputs))
    for node in resolved.nodes.values():
        found[names.join_tensor_name(node.name, 0)] = None
        found.update(dict.fromkeys(node.inputs))
    return list(found)


def _fold(graph: FunctionGraph, resolved: Resolved) -> dict[str, np.ndarray]:
    sizes = _known_sizes(graph, resolved)
    known = [names.split_tensor_name(tensor)[0] for tensor in sizes]
    constant = set(find_constant(resolved, known, graph.hidden))
    graph.refuse_large(constant)
    wanted = [
        tensor
        for tensor in _all_tensors(resolved)
        if names.split_tensor_name(tensor)[0] in constant
    ]
    tensors = [graph.tensor(tensor) for tensor in wanted]
    feeds = {graph.tensor(tensor): value for tensor, value in sizes.items()}
    with session_of(graph.graph) as session:
        return dict(zip(wanted, run_session(session, tensors, feeds)))


def _known_sizes(graph: FunctionGraph, resolved: Resolved) -> dict[str, np.ndarray]:
    """Returns the sizes picked of shapes that shape inference knows, by tensor name."""
    picks = [node for node in resolved.nodes.values() if node.op in _PICKS]
    shape_of = {}
    for node in picks:
        source, *bounds = (names.split_tensor_name(tensor)[0] for tensor in node.inputs)
        if source in resolved.nodes and resolved.nodes[source].op == "Shape":
            shape = graph.tensor(source).op.inputs[0].shape
            constant = [
                name in resolved.nodes and resolved.nodes[name].op == "Const" for name in bounds
            ]
            if shape.rank is not None and all(constant):
                shape_of[names.join_tensor_name(node.name, 0)] = (f"{source}:0", shape.as_list())
    # Numbers that stay what they are whatever the unknown sizes are depend on none of these.
    fed = [
        {
            graph.tensor(shape): [other if size is None else size for size in sizes]
            for shape, sizes in shape_of.values()
        }
        for other in (2, 3)
    ]
    picked = [graph.tensor(tensor) for tensor in shape_of]
    with session_of(graph.graph) as session:
        two, three = (run_session(session, picked, feeds) for feeds in fed)
    return {t: one for t, one, other in zip(shape_of, two, three) if np.array_equal(one, other)}


def _skip_neutral(
    resolved: Resolved, constants: Mapping[str, np.ndarray], shapes: Mapping[str, Shape]
) -> dict[str, str]:
    """Returns the input by the output of every node that multiplies by ones or adds zeros.

    Batch renormalisation leaves such nodes in inference mode; x * 1 and x + 0 are x to the bit.
    """
    aliases: dict[str, str] = {}
    for node in resolved.nodes.values():
        neutral = {"Mul": 1, "Add": 0, "AddV2": 0}.get(node.op)
        if neutral is None:
            continue
        own = names.join_tensor_name(node.name, 0)
        for operand, other in (node.inputs, reversed(node.inputs)):
            value = constants.get(operand)
            if (
                value is not None
                and np.all(value == neutral)
                and shapes.get(other) == shapes.get(own)
            ):
                aliases[own] = aliases.get(other, other)
    return aliases


def _reduced(
    resolved: Resolved,
    constants: Mapping[str, np.ndarray],
    shapes: Mapping[str, Shape],
    skipped: Mapping[str, str],
) -> Function:
    def last_name(tensor: str) -> str:
        return skipped.get(tensor, tensor)

    nodes = {
        node.name: dataclasses.replace(node, inputs=_renamed(_read_by(node), skipped))
        for node in resolved.nodes.values()
        if names.join_tensor_name(node.name, 0) not in constants
        and names.join_tensor_name(node.name, 0) not in skipped
    }
    read = {tensor for node in nodes.values() for tensor in node.inputs}
    aliases = {name: last_name(tensor) for name, tensor in resolved.aliases.items()}
    aliases.update({name: last_name(name) for name in skipped})
    return Function(
        nodes=nodes,
        inputs=resolved.inputs,
        outputs=_renamed(resolved.outputs, skipped),
        variables={
            tensor: variable
            for tensor, variable in resolved.variables.items()
            if tensor in read or tensor in resolved.outputs
        },
        constants=constants,
        shapes=shapes,
        aliases=aliases,
        switches=resolved.switches,
        permutations={},
    )


def _read_by(node: Node) -> tuple[str, ...]:
    """Returns what the first output of a node is computed from: a fused batch norm in training mode
    takes moving statistics in, and does not look at them."""
    in_training = node.op in FUSED_OPS and node.attr("is_training", True)
    return node.inputs[:3] if in_training else node.inputs


def _renamed(tensors: Sequence[str], skipped: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(skipped.get(tensor, tensor) for tensor in tensors)
