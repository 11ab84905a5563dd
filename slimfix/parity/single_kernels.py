"""Writes out, for float64, what other ops than batch norm have kernels for in float32 only."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from slimfix.graphdef.view import Node


def write_out(graph_def: Any, node: Node) -> None:
    """Adds nodes that compute in float64 what `node` computes in float32, under its name.

    Args:
      graph_def: GraphDef that gains nodes.
      node: of an op in `FORMULAS`.
    """
    import tensorflow.compat.v1 as tf

    graph = tf.Graph()
    with graph.as_default():
        sources = [
            tf.placeholder(_dtype(node) if index == 0 else tf.int32, name=f"source_{index}")
            for index in range(len(node.inputs))
        ]
        tf.identity(FORMULAS[node.op](node, *sources), name="result")
    given = {f"source_{index}": tensor for index, tensor in enumerate(node.inputs)}
    for made in graph.as_graph_def().node:
        if made.name in given:
            continue
        inputs = [given.get(name, f"{node.name}/{name}") for name in made.input]
        made.name = node.name if made.name == "result" else f"{node.name}/{made.name}"
        del made.input[:]
        made.input.extend(inputs)
        graph_def.node.add().CopyFrom(made)


def _dtype(node: Node) -> Any:
    import tensorflow.compat.v1 as tf

    dtype = tf.as_dtype(node.attr("T", tf.float32.as_datatype_enum))
    return tf.float64 if dtype == tf.float32 else dtype


def _local_response(node: Node, x: Any) -> Any:
    """Source: Krizhevsky et al. 2012, section 3.3; tensorflow:tensorflow/core/kernels/lrn_op.cc."""
    import tensorflow.compat.v1 as tf

    radius = node.attr("depth_radius", 5)
    padded = tf.pad(tf.square(x), [[0, 0]] * 3 + [[radius, radius]])
    channels = tf.shape(x)[3]
    sums = tf.add_n([padded[..., k : channels + k] for k in range(2 * radius + 1)])
    alpha, beta = np.float64(node.attr("alpha", 1.0)), np.float64(node.attr("beta", 0.5))
    return x / tf.pow(np.float64(node.attr("bias", 1.0)) + alpha * sums, beta)


def _bilinear(node: Node, x: Any, size: Any) -> Any:
    """Interpolates in float64 between coordinates in float32, as which the kernel has them.

    Source: tensorflow:tensorflow/core/kernels/resize_bilinear_op.cc.
    """
    import tensorflow.compat.v1 as tf

    return _along(node, _along(node, tf.cast(x, tf.float64), size[0], 1), size[1], 2)


def _along(node: Node, x: Any, after: Any, axis: int) -> Any:
    import tensorflow.compat.v1 as tf

    before = tf.shape(x)[axis]
    last, old, new = (tf.cast(value, tf.float32) for value in (before - 1, before, after))
    scale = old / new
    if node.attr("align_corners", False):
        scale = tf.where(after > 1, last / (new - 1.0), scale)
    pixels = tf.cast(tf.range(after), tf.float32)
    places = pixels * scale
    if node.attr("half_pixel_centers", False):
        places = (pixels + 0.5) * scale - 0.5
    below = tf.floor(places)
    left = tf.gather(x, tf.maximum(tf.cast(below, tf.int32), 0), axis=axis)
    right = tf.gather(x, tf.minimum(tf.cast(tf.ceil(places), tf.int32), before - 1), axis=axis)
    share = tf.reshape(tf.cast(places - below, tf.float64), [-1, 1] if axis == 2 else [-1, 1, 1])
    return left + (right - left) * share


FORMULAS: dict[str, Callable[..., Any]] = {"LRN": _local_response, "ResizeBilinear": _bilinear}
