"""Takes a graph as inference does, or as training does without its random numbers.

A network that was built with `is_training=True` as a Python constant has no switch to feed: each
batch norm takes the batch's statistics, and dropout drops. What it computes in inference follows
from the same layers with their moving statistics, and dropout left out.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from slimfix.graphdef.batch_norm import BatchNormLayer, find_batch_norm_layers
from slimfix.graphdef.dropout import Dropout, find_dropouts
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.partitioned import find_joined
from slimfix.graphdef.view import GraphView, Node
from slimfix.reference.nodes import Steps, output, with_attrs
from slimfix.reference.normalise import normalise

_FUSED_OUTPUTS = 6


def in_inference_mode(view: GraphView) -> tuple[list[Node], dict[str, str]]:
    """Returns the nodes of a graph with its training-only layers in inference mode.

    Inside of a conditional that is not taken the same change is without effect.

    Args:
      view: the whole graph.
    Returns: the nodes, and the new name by the old one of each tensor that only training reads.
    """
    trained = {
        layer.normalise_ops[-1]: layer
        for layer in find_batch_norm_layers(view)
        if layer.mode == "training" and layer.moving_mean and layer.moving_variance
    }
    wholes = {variable: name for name, variable in find_joined(view).items()}
    dropouts = find_dropouts(view, view.nodes.values())
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    for node in view.nodes.values():
        layer = trained.get(node.name)
        if layer and node.op in FUSED_OPS:
            beside = dataclasses.replace(node, name=f"{node.name}/in_training")
            nodes += [_fused(node, layer), beside]
            renamed.update({output(node, i): output(beside, i) for i in range(1, _FUSED_OUTPUTS)})
        elif layer:
            nodes += _written_out(view, node, layer, wholes)
        else:
            nodes.append(_without_dropout(node, dropouts.get(output(node))))
    return nodes, renamed


def without_dropout(view: GraphView) -> tuple[list[Node], dict[str, str]]:
    """Returns the nodes of a graph whose dropouts drop nothing, and no renamed tensor.

    Random numbers are drawn anew in each run: two programs agree only without them.
    """
    dropouts = find_dropouts(view, view.nodes.values())
    return [_without_dropout(node, dropouts.get(output(node))) for node in view.nodes.values()], {}


def _fused(node: Node, layer: BatchNormLayer) -> Node:
    moving = [f"{layer.moving_mean}:0", f"{layer.moving_variance}:0"]
    inference = dataclasses.replace(node, inputs=(*node.inputs[:3], *moving))
    return with_attrs(inference, is_training=False)


def _written_out(
    view: GraphView, node: Node, layer: BatchNormLayer, wholes: Mapping[str, str]
) -> list[Node]:
    import tensorflow.compat.v1 as tf

    dtype = tf.as_dtype(node.attr("T"))
    steps = Steps(node.name)
    parameters = (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
    read = [f"{wholes.get(name, name)}:0" if name else None for name in parameters]
    x = view.standing_name(layer.input)
    if layer.axis == 1:
        shape = _per_channel(x, dtype, steps)
        read = [tensor and steps.reshape(tensor, shape, dtype) for tensor in read]
    mean, variance, scale, offset = read
    normalise(steps, dtype, x, str(mean), str(variance), layer.epsilon, scale, offset)
    return steps.nodes


def _per_channel(like: str, dtype: Any, steps: Steps) -> str:
    """Returns the shape [channels, 1, 1, ...], for a tensor [batch, channels, ...]."""
    import tensorflow.compat.v1 as tf

    ones = steps.add("OnesLike", steps.shape(like, dtype), T=tf.int32)
    rest = steps.integers(-1)
    kinds = {"T": tf.int32, "Index": tf.int32}
    return steps.join(tf.int32, rest, steps.add("Slice", ones, steps.integers(2), rest, **kinds))


def _without_dropout(node: Node, dropout: Dropout | None) -> Node:
    if dropout is None:
        return node
    attrs = {"T": node.attrs["T"]}
    return dataclasses.replace(node, op="Identity", inputs=(dropout.input,), attrs=attrs)
