"""find_saved_names: what the Savers of a graph restore each variable from."""

import pytest

from slimfix.graphdef.saved_names import SavedAs, choose_saved, find_saved_names
from slimfix.graphdef.view import GraphView


def found(graph):
    return find_saved_names(GraphView.from_graph_def(graph.as_graph_def()))


def test_plain_renamed_and_partitioned(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    plain = tf.get_variable("plain", [3])
    tf.get_variable("split", [5, 2], partitioner=tf.fixed_size_partitioner(2, axis=0))
    tf.train.Saver()
    tf.train.Saver({"plain/ExponentialMovingAverage": plain})
    everything = slice(0, 2)
    assert found(graph) == {
        "plain": [SavedAs("plain", ()), SavedAs("plain/ExponentialMovingAverage", ())],
        "split/part_0": [SavedAs("split", (slice(0, 3), everything))],
        "split/part_1": [SavedAs("split", (slice(3, 5), everything))],
    }


def test_a_graph_without_saver(graph):
    import tensorflow.compat.v1 as tf

    tf.get_variable("plain", [3])
    assert found(graph) == {}


@pytest.mark.parametrize("variant", ["good", "no_updates", "trainable_only"])
def test_golden_graphs_of_tensorflow_1(variant):
    import tensorflow.compat.v1 as tf

    from slimfix.graphdef.meta import read_meta

    prefix = f"tests/golden/digits/{variant}/model.ckpt"
    names = find_saved_names(GraphView.from_graph_def(read_meta(prefix + ".meta").graph_def))
    assert names == {name: [SavedAs(name, ())] for name, _ in tf.train.list_variables(prefix)}


def chosen(saved, stored):
    places = {name: [SavedAs(each, ()) for each in under] for name, under in saved.items()}
    return {name: place.name for name, place in choose_saved("ab", places, stored).items()}


@pytest.mark.parametrize(
    "saved, wanted",
    [
        ({}, {"a": "a", "b": "b"}),
        ({"a": ["b"], "b": ["a"]}, {"a": "b", "b": "a"}),  # Swapped by a dict for var_list.
        ({"b": ["a"]}, {"b": "a"}),  # Only b was saved, and as 'a'.
        ({"a": ["a"], "b": ["b", "a"]}, {"a": "a", "b": "b"}),  # b was initialised from 'a' once.
        ({"a": ["a/ExponentialMovingAverage"]}, {"a": "a", "b": "b"}),  # Evaluated with shadows.
    ],
)
def test_another_ones_name_is_not_its_own(saved, wanted):
    stored = {"a", "a/ExponentialMovingAverage", *(["b"] if wanted != {"b": "a"} else [])}
    assert chosen(saved, stored) == wanted
