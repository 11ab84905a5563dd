"""Chains and crowds leave a graph a valid one: TensorFlow imports it."""

import collections
from random import Random

import pytest

from tests.fuzz.damage.structure import damage_structure
from tests.fuzz.families.nets import META, golden


@pytest.fixture(scope="module")
def whole():
    import tensorflow.compat.v1 as tf

    return tf.MetaGraphDef.FromString(golden("micro/rank4_scale").files[META]).graph_def


def test_each_structure_is_drawn_and_is_valid(whole):
    import tensorflow.compat.v1 as tf

    drawn = collections.Counter()
    for seed in range(60):
        graph_def = tf.GraphDef.FromString(whole.SerializeToString())
        told = damage_structure(Random(seed), graph_def, longest=400 if seed % 4 else 2000)
        added = len(graph_def.node) - len(whole.node)
        assert added == 1000 or added in (30, 31, 70, 71, 400, 401, 2000, 2001)
        kind = "copies" if added == 1000 else told.split()[1]
        drawn[kind] += 1
        if added < 500 and kind != "PartitionedCall":  # TensorFlow follows all 2**30 calls.
            with tf.Graph().as_default():
                tf.import_graph_def(graph_def, name="")
    ops = {"LogicalAnd", "Sub", "Maximum", "AddV2", "Merge", "PartitionedCall"}
    assert drawn.keys() > ops
    assert drawn["copies"] > 3
