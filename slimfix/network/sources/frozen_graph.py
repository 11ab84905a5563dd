"""Frozen graphs: constants that were variables once become variables again."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from slimfix import names
from slimfix.checkpoint.in_memory import checkpoint_of
from slimfix.errors import CheckpointError, explain
from slimfix.graphdef import protos
from slimfix.graphdef.files import read_file
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.soundness import check_graph
from slimfix.graphdef.tensors import MOST_BYTES, distinct
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView, Node
from slimfix.network.network import Network, open_network

# Which inputs of an op hold weights, whatever the constants are called.
_WEIGHT_INPUTS = {
    "BiasAdd": (1,),
    "Conv2D": (1,),
    "Conv2DBackpropInput": (1,),
    "Conv3D": (1,),
    "Conv3DBackpropInputV2": (1,),
    "DepthwiseConv2dNative": (1,),
    "Gather": (0,),
    "GatherV2": (0,),
    "MatMul": (1,),
    **dict.fromkeys(FUSED_OPS, (1, 2, 3, 4)),
}
_FLOATS = ("float32", "float64")


def open_frozen_graph(path: str) -> Network:
    """Returns the network of a GraphDef file, e.g. what `freeze_graph` wrote.

    Raises: CheckpointError: the file is missing, or is no GraphDef, or there are variables in it.
    """
    return thaw(protos.MetaGraphDef(graph_def=_read_graph_def(path)), path)


def _read_graph_def(path: str) -> Any:
    if not os.path.isfile(path):
        raise CheckpointError(f"No frozen graph at '{path}'")
    graph_def = read_file(path, protos.GraphDef)
    if graph_def is None or not graph_def.node or not all(node.op for node in graph_def.node):
        raise CheckpointError(
            explain(
                f"'{path}' is not a GraphDef with nodes in it",
                cause="it is text (.pbtxt), a saved_model.pb, a .meta file, or was cut short.",
                fix="name the binary file that freeze_graph wrote; a saved_model.pb by its folder "
                "with saved_model (--saved_model), a .meta with meta (--meta).",
            )
        )
    check_graph(graph_def, path)
    return graph_def


def thaw(meta_graph: Any, source: str) -> Network:
    """Returns the network of a graph whose weights are constants in it.

    Args:
      meta_graph: MetaGraphDef; its graph is changed: weights become variables.
      source: where it is from.
    Raises: CheckpointError: no constant is a weight, or there are variables too.
    """
    view = GraphView.from_graph_def(meta_graph.graph_def)
    left = [node.name for node in view.nodes.values() if node.op in VARIABLE_OPS]
    if left:
        raise CheckpointError(
            explain(
                f"{len(left)} variables in '{source}' have no value there",
                [f"'{name}'" for name in left],
                cause="the graph was not frozen; its values are in a checkpoint, or in the folder "
                "'variables' of a SavedModel, which was left behind.",
                fix="name the checkpoint with checkpoint (--checkpoint) and its .meta, freeze the "
                "graph, or copy the whole folder.",
            )
        )
    weights = _find_weights(view)
    values: dict[str, np.ndarray] = {}
    for proto in meta_graph.graph_def.node:
        if proto.name in weights:
            values[proto.name] = view.nodes[proto.name].attr("value")
            _make_variable(proto)
    if not values:
        raise CheckpointError(f"No constant of '{source}' is the weight of a layer")
    network = open_network(meta_graph, checkpoint_of(source, values), source)
    note = "a frozen graph holds no penalties and does not say which weights are trained"
    return dataclasses.replace(network, notes=(f"{source}: {note}",))


def _find_weights(view: GraphView) -> set[str]:
    """Returns the constants that were variables: by the name of their read op, or by their use."""
    found = set()
    for node in view.nodes.values():
        for index in _WEIGHT_INPUTS.get(node.op, ()):
            source = _constant(view, node.inputs[index])
            if source is not None and not _stands_for_nothing(source, node, index):
                found.add(source.name)
        if node.op == "Identity" and _reads_variable(node):
            source = _constant(view, node.inputs[0])
            if source is not None:
                found.add(source.name)
    return found


def _constant(view: GraphView, tensor: str) -> Node | None:
    """Returns the floating-point constant that a tensor is, None for any other and a huge one."""
    source = view.producer(tensor)
    while source.op == "Identity":
        source = view.producer(source.inputs[0])
    if source.op != "Const":
        return None
    value = source.attr("value")  # Frozen weights are written out: a larger one is a filled table.
    is_weight = value.dtype.name in _FLOATS and value.nbytes <= MOST_BYTES
    return source if is_weight else None


def _stands_for_nothing(constant: Node, reader: Node, index: int) -> bool:
    """A fused batch norm without gamma (or beta) takes ones (or zeros) in its place."""
    neutral = {1: 1.0, 2: 0.0}.get(index) if reader.op in FUSED_OPS else None
    return neutral is not None and bool(np.all(distinct(constant.attr("value")) == neutral))


def _reads_variable(node: Node) -> bool:
    """'conv1/weights/read' reads a ref variable, '.../ReadVariableOp' a resource variable."""
    source = names.split_tensor_name(node.inputs[0])[0]
    return node.name == f"{source}/read" or names.last_part(node.name).startswith("ReadVariableOp")


def _make_variable(proto: Any) -> None:
    """Turns a constant into a variable of the same name, dtype and shape, in place."""
    dtype = proto.attr["value"].tensor.dtype
    shape = proto.attr["value"].tensor.tensor_shape
    variable = type(proto)(name=proto.name, op="VariableV2")
    variable.attr["dtype"].type = dtype
    variable.attr["shape"].shape.CopyFrom(shape)
    proto.CopyFrom(variable)
