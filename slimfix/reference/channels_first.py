"""Says NCHW and NCDHW ops as NHWC and NDHWC ones between two transposes: CPUs have no others."""

from __future__ import annotations

import dataclasses

from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.view import Node
from slimfix.reference.nodes import Steps, output, with_attrs

# Which input holds the data. BiasAdd is not here: its kernel takes both.
_DATA_INPUTS = {
    "AvgPool": 0,
    "AvgPool3D": 0,
    "Conv2D": 0,
    "Conv2DBackpropInput": 2,
    "Conv3D": 0,
    "Conv3DBackpropInputV2": 2,
    "DepthToSpace": 0,
    "DepthwiseConv2dNative": 0,
    "MaxPool": 0,
    "MaxPool3D": 0,
    "SpaceToDepth": 0,
    **dict.fromkeys(FUSED_OPS, 0),
}
_OUTPUT_SIZES = ("Conv2DBackpropInput", "Conv3DBackpropInputV2")  # Their input 0.
_PER_AXIS = ("dilations", "ksize", "strides")


def to_channels_last(node: Node) -> tuple[list[Node], dict[str, str]]:
    """Returns nodes that compute what one node computes, on channels-last data.

    Args:
      node: any; one that is no channels-first op is returned as it is.
    Returns: the nodes, and the new tensor name by the old one for the outputs beyond the first.
    """
    data_format = node.attr("data_format")
    if node.op not in _DATA_INPUTS or data_format not in ("NCHW", "NCDHW"):
        return [node], {}
    import tensorflow.compat.v1 as tf

    rank, dtype, steps = len(data_format), tf.as_dtype(node.attr("T")), Steps(node.name)
    to_last = [0, *range(2, rank), 1]
    inputs = list(node.inputs)
    data = _DATA_INPUTS[node.op]
    inputs[data] = steps.transpose(inputs[data], to_last, dtype)
    if node.op in _OUTPUT_SIZES:
        inputs[0] = steps.pick(inputs[0], *to_last)
    given = {key: node.attr(key) for key in _PER_AXIS if node.attr(key)}
    attrs = {key: [values[axis] for axis in to_last] for key, values in given.items()}
    paddings = node.attr("explicit_paddings")
    if paddings:
        pairs = [paddings[2 * axis : 2 * axis + 2] for axis in to_last]
        attrs["explicit_paddings"] = [size for pair in pairs for size in pair]
    renamed = dataclasses.replace(node, name=f"{node.name}/channels_last", inputs=tuple(inputs))
    inner = with_attrs(renamed, data_format="NHWC" if rank == 4 else "NDHWC", **attrs)
    steps.nodes.append(inner)
    back = steps.integers(0, rank - 1, *range(1, rank - 1))
    steps.end("Transpose", output(inner), back, T=dtype, Tperm=tf.int32)
    beyond = range(1, 6) if node.op in FUSED_OPS else ()
    return steps.nodes, {output(node, index): output(inner, index) for index in beyond}
