"""What a graph computes from constants alone are numbers of the network, as float32 has them."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any, Collection, Iterable, Mapping

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.reference import plain_graph
from slimfix.reference.nodes import output, with_attrs
from slimfix.running import building


def keep_constant_parts(
    nodes: Mapping[str, Node], switches: Collection[str]
) -> tuple[dict[str, Node], dict[str, str]]:
    """Marks what depends on constants and switches only, so that it stays in float32.

    A session computes it in float32 before anything else, so that 1/255 is the float32 next to
    it; the network in float64 is the one with these numbers. It stays where it is, in the branch
    of a conditional too, and in whatever order the graph lists its nodes.

    Args:
      nodes: what is to be run, by name.
      switches: names of those nodes that are fed what decides conditionals.
    Returns: the same nodes, and below their names those that widen what they compute; and by the
      name of each widened tensor, what all other nodes are to read instead.
    """
    import tensorflow.compat.v1 as tf

    settled = _find_settled(nodes, switches)
    graph = _import(nodes[name] for name in settled)
    operations = [graph.get_operation_by_name(name) for name in settled]
    settled = _find_settled(
        nodes, switches, {op.name for op in operations if op.op_def.is_stateful}
    )
    computed = {name for name in settled if nodes[name].inputs}
    parts = computed | {source for name in computed for source in _sources(nodes[name])}
    result = {
        name: with_attrs(node, **{plain_graph.STAYS_FLOAT32: True}) if name in parts else node
        for name, node in nodes.items()
    }
    widened: dict[str, str] = {}
    for op in operations:
        for index, tensor in enumerate(op.outputs if op.name in parts else ()):
            if tensor.dtype == tf.float32:
                wide = with_attrs(
                    Node(f"{op.name}/widened_{index}", "Cast", (tensor.name,), ()),
                    **{"SrcT": tf.float32, "DstT": tf.float64, plain_graph.STAYS_FLOAT32: True},
                )
                result[wide.name] = wide
                widened[tensor.name] = output(wide)
    return result, widened


def _find_settled(
    nodes: Mapping[str, Node], switches: Collection[str], blocked: Collection[str] = ()
) -> set[str]:
    """Returns the names of the nodes all of whose data comes from constants and switches."""
    readers: dict[str, list[str]] = collections.defaultdict(list)
    unknown = {}
    for node in nodes.values():
        unknown[node.name] = len(_sources(node))
        for source in _sources(node):
            readers[source].append(node.name)
    settled: set[str] = set()
    pending = [name for name, node in nodes.items() if node.op == "Const" or name in switches]
    while pending:
        name = pending.pop()
        if name not in blocked:
            settled.add(name)
            for reader in readers[name]:
                unknown[reader] -= 1
                if not unknown[reader]:
                    pending.append(reader)
    return settled


def _sources(node: Node) -> set[str]:
    return {names.split_tensor_name(tensor)[0] for tensor in node.inputs}


def _import(nodes: Iterable[Node]) -> Any:
    import tensorflow.compat.v1 as tf

    free = (dataclasses.replace(node, control_inputs=()) for node in nodes)
    small = (plain_graph.placeholder(n) if plain_graph.is_stored(n) else n for n in free)
    graph = tf.Graph()
    with graph.as_default():
        small_def = plain_graph.to_graph_def(small, float64=False)
        with building():
            tf.import_graph_def(small_def, name="")
    return graph
