"""Ops that compute the moments of a layer's input inside the graph, in float64."""

from __future__ import annotations

import weakref
from typing import Any, MutableMapping, Tuple

from slimfix import names
from slimfix.recalibration.sources import Source

Fetch = Tuple[Any, Any, Any]  # Tensors: elements per channel, their mean, their squared deviation.

# What graphs have already: a program that recalibrates again and again adds ops once.
_added: MutableMapping[Any, dict[Source, Fetch]] = weakref.WeakKeyDictionary()


def find_moments(graph: Any, source: Source) -> Fetch:
    """Returns tensors with the moments of one input, and adds them where the graph has none.

    Args, returns: as of `add_moments`.
    """
    known = _added.setdefault(graph, {})
    if source not in known:
        known[source] = add_moments(graph, source)
    return known[source]


def add_moments(graph: Any, source: Source) -> Fetch:
    """Returns tensors with the moments of one input; adds ops on the device that makes it.

    Two passes over the activation, the second about the mean of the first: nothing cancels. The
    activation stays where it is; three small tensors leave the device. With weights w of elements
    x: the sum of w, sum(w x) / sum(w), and the sum of w (x - mean)^2.

    Args:
      graph: tf.Graph, not finalized.
      source: any floating-point dtype, any rank from 2.
    Returns: float64 [], [channels] and [channels].
    """
    import tensorflow.compat.v1 as tf

    tensor = graph.get_tensor_by_name(source.tensor)
    scope = tf.name_scope(names.MEASURING_SCOPE + "/")
    with graph.as_default(), tf.control_dependencies(None), scope, tf.device(tensor.device):
        values = tf.cast(tensor, tf.float64)
        rank = tf.rank(values)
        others = tf.range(rank - 1) if source.axis == -1 else tf.concat([[0], tf.range(2, rank)], 0)
        if source.weights is None:
            mean = tf.reduce_mean(values, others, keepdims=True)
            squares = tf.squared_difference(values, mean)
            channels = tf.size(mean, out_type=tf.int64)
            elements = tf.size(values, out_type=tf.int64) / tf.maximum(channels, 1)
        else:
            weights = tf.cast(graph.get_tensor_by_name(source.weights), tf.float64)
            weights += tf.zeros_like(values)
            totals = tf.reduce_sum(weights, others, keepdims=True)
            mean = tf.reduce_sum(weights * values, others, keepdims=True) / totals
            squares = weights * tf.squared_difference(values, mean)
            elements = tf.reduce_max(totals)
        deviation = tf.reduce_sum(squares, others)
        return tf.cast(elements, tf.float64), tf.reshape(mean, [-1]), deviation
