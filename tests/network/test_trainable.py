"""Which variables an optimizer moves, by the collections of a graph."""

import pytest

from slimfix.network.trainable import find_trainable


@pytest.mark.parametrize(
    ("trainable", "found"),
    [((True, True), {"a", "b"}), ((True, False), {"a"}), ((False, False), set())],
)
def test_the_list_of_trainable_variables(graph, trainable, found):
    """TensorFlow leaves the list out where it is empty: then none is trained, not all."""
    import tensorflow.compat.v1 as tf

    for name, is_trainable in zip("ab", trainable):
        tf.get_variable(name, [2], trainable=is_trainable)
    assert find_trainable(tf.train.export_meta_graph(graph=graph)) == found


def test_a_graph_without_collections_does_not_say(graph):
    import tensorflow.compat.v1 as tf

    tf.get_variable("a", [2], collections=[], trainable=False)
    assert find_trainable(tf.train.export_meta_graph(graph=graph)) is None
