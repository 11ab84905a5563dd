"""What a graph computes from constants alone are numbers of the network, as float32 has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix import names
from slimfix.graphdef.view import GraphView


def compute_constants(view: GraphView, needed: set[str]) -> dict[str, np.ndarray]:
    """Returns the float32 values that depend on constants only and that other nodes read.

    TensorFlow computes them in float32 before anything else, so that 1/255 is the float32 next to
    it; the network in float64 is the one with these numbers.

    Args:
      view: the whole graph.
      needed: names of the nodes that the outputs need.
    Returns: value by tensor name; constants as they stand are not among them.
    """
    import tensorflow.compat.v1 as tf

    constant = _find_constant(view, needed)
    graph = _import(view, constant)
    random = {op.name for op in graph.get_operations() if op.op_def.is_stateful}
    random |= view.descendants(random, control=False) if random else set()
    read = {
        tensor
        for node in view.nodes.values()
        if node.name in needed and node.name not in constant
        for tensor in node.inputs
    }
    made = [tensor for tensor in sorted(read) if _is_made(view, constant - random, tensor)]
    wanted = [t for t in made if graph.get_tensor_by_name(t).dtype == tf.float32]
    if not wanted:
        return {}
    with tf.Session(graph=graph) as session:
        return dict(zip(wanted, session.run(wanted)))


def _find_constant(view: GraphView, needed: set[str]) -> set[str]:
    constant: set[str] = set()
    for node in view.nodes.values():  # TensorFlow writes what a node reads before it.
        sources = {names.split_tensor_name(tensor)[0] for tensor in node.inputs}
        is_constant = bool(sources) and sources <= constant
        if node.name in needed and not node.control_inputs and (is_constant or node.op == "Const"):
            constant.add(node.name)
    return constant


def _import(view: GraphView, constant: set[str]) -> Any:
    import tensorflow.compat.v1 as tf

    graph_def = tf.GraphDef()
    for name in constant:
        node = view.nodes[name]
        proto = graph_def.node.add(name=name, op=node.op, input=node.inputs)
        for key, value in node.attrs.items():
            if not key.startswith("_"):
                proto.attr[key].CopyFrom(value)
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    return graph


def _is_made(view: GraphView, constant: set[str], tensor: str) -> bool:
    name = names.split_tensor_name(tensor)[0]
    return name in constant and view.nodes[name].op != "Const"
