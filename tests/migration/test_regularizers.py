"""Penalties are read exactly, or left out with a note that names them."""

import pytest

from slimfix.graphdef.view import GraphView
from slimfix.migration.regularizers import Penalty, find_penalties


@pytest.fixture
def penalties(graph, variable_kind):
    """Reads the penalties of tensors on the variable 'w' [3, 2]."""
    import tensorflow.compat.v1 as tf

    weight = tf.get_variable("w", [3, 2])

    def read(*build):
        for each in build:
            tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, each(weight))
        meta_graph = tf.train.export_meta_graph(graph=graph)
        return find_penalties(meta_graph, GraphView.from_graph_def(meta_graph.graph_def))

    return read


def readable():
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    return {
        "l2": (slim.l2_regularizer(0.02), Penalty(l2=0.01)),
        "l1": (slim.l1_regularizer(0.03), Penalty(l1=0.03)),
        "l1_l2": (slim.l1_l2_regularizer(0.03, 0.02), Penalty(l1=0.03, l2=0.01)),
        "half sum of squares": (tf.nn.l2_loss, Penalty(l2=0.5)),
        "scaled on the left": (lambda w: 0.04 * tf.nn.l2_loss(w), Penalty(l2=0.02)),
        "divided": (lambda w: tf.nn.l2_loss(w) / 50.0, Penalty(l2=0.01)),
    }


@pytest.mark.parametrize(
    "kind", ["l2", "l1", "l1_l2", "half sum of squares", "scaled on the left", "divided"]
)
def test_reads(penalties, kind):
    build, expected = readable()[kind]
    assert penalties(build) == ({"w": expected}, [])


def test_two_penalties_on_one_weight_add_up(penalties):
    from slimfix import slim

    found, notes = penalties(slim.l2_regularizer(0.01), slim.l2_regularizer(0.05))
    assert (found, notes) == ({"w": Penalty(l2=0.03)}, [])


def test_a_long_chain_of_sums_is_read(penalties):
    import tensorflow.compat.v1 as tf

    def build(w):
        total = 0.25 * tf.nn.l2_loss(w)
        for _ in range(1500):
            total = tf.add(total, tf.zeros([]) * tf.nn.l2_loss(w))
        return total

    assert penalties(build) == ({"w": Penalty(l2=0.125)}, [])


def test_sums_without_measure_are_noted(penalties):
    """2**40 terms."""
    import tensorflow.compat.v1 as tf

    def build(w):
        total = tf.nn.l2_loss(w)
        for _ in range(40):
            total = total + total
        return total

    found, notes = penalties(build)
    assert (found, len(notes)) == ({}, 1)


def test_what_is_no_norm_of_a_variable_is_noted(penalties):
    import tensorflow.compat.v1 as tf

    for build in (
        lambda w: 1e-3 * tf.nn.l2_loss(w - 1.0),
        lambda w: tf.reduce_max(w),
        lambda w: tf.nn.l2_loss(w * tf.constant([0.0, 1.0])),
        lambda w: tf.sqrt(tf.nn.l2_loss(w)),
    ):
        found, notes = penalties(build)
        assert found == {}
    assert len(notes) == 4
    assert all("this penalty of the training loss was not migrated" in note for note in notes)


def test_keras_adds_the_same_penalty():
    import keras
    import numpy as np

    weight = np.array([[0.5, -2.0], [3.0, 0.25]], np.float32)
    regularizer = keras.regularizers.deserialize(Penalty(l1=0.3, l2=0.7).keras_config())
    expected = 0.3 * np.abs(weight).sum() + 0.7 * (weight**2).sum()
    assert float(regularizer(weight)) == pytest.approx(expected, rel=1e-6)
    alone = keras.regularizers.deserialize(Penalty(l2=0.7).keras_config())
    assert type(alone).__name__ == "L2"
