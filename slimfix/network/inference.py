"""Takes batch norms that a graph has in training mode for good as what they are in inference."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.dtypes import FLOAT
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.control_flow import enclosing_branch
from slimfix.graphdef.view import GraphView, Node

# x, moving_mean, moving_variance, then gamma and beta as far as `scale` and `center` say so.
BATCH_NORM = "slimfix.BatchNorm"


def in_inference_mode(
    view: GraphView, layers: Sequence[BatchNormLayer], joined: Mapping[str, str]
) -> GraphView:
    """Returns the graph with moving statistics in use where it has none but the batch's.

    A network built with is_training=True as a Python constant normalises with batch statistics
    only: no switch leads to the moving ones, yet these are what inference is to use. Layers in a
    branch stay as they are: that branch may well be the one that inference does not take.

    Args:
      view: the whole graph.
      layers: its batch norms.
      joined: the variable by the name of the node that joins its parts.
    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2.
    """
    node_of = {variable: node for node, variable in joined.items()}
    nodes = (_inference_node(view, layer, node_of) for layer in layers)
    return view.replacing({node.name: node for node in nodes if node is not None})


def _inference_node(
    view: GraphView, layer: BatchNormLayer, node_of: Mapping[str, str]
) -> Node | None:
    name = layer.normalise_ops[-1]
    if layer.mode != "training" or enclosing_branch(view, names.join_tensor_name(name, 0)):
        return None
    statistics = (layer.moving_mean, layer.moving_variance)
    parameters = [variable for variable in (layer.gamma, layer.beta) if variable]
    tensors = []
    for variable in (*statistics, *parameters):
        source = node_of.get(variable or "", variable)
        if source is None or source not in view:
            return None
        tensors.append(names.join_tensor_name(source, 0))
    dtype = view.nodes[name].attr("T") or view.nodes[name].attr("U")
    attrs = {
        # The number that the graph computes with; the record has the shortest that rounds to it.
        "epsilon": float(np.float32(layer.epsilon)) if dtype == FLOAT else layer.epsilon,
        "axis": layer.axis,
        "scale": layer.gamma is not None,
        "center": layer.beta is not None,
        "scope": layer.scope,
        "T": dtype,
        "_output_shapes": [view.nodes[name].output_shape(0)],
    }
    return Node(name, BATCH_NORM, (view.standing_name(layer.input), *tensors), (), attrs)
