"""Small TensorFlow 1 networks, saved as people save them."""

import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import diff_parity


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 7, 5, 4], name="x")


@pytest.fixture
def prove(saved, tmp_path):
    """Converts what ends in a tensor, proves it, and gives the layers' kinds."""

    def run(*outputs):
        migration = convert(saved(), inputs=["x:0"], outputs=[tensor.name for tensor in outputs])
        path = str(tmp_path / "model.keras")
        run_eagerly(migration.model.save, path)
        result = diff_parity(path, migration)
        assert result.passed, result.first_difference
        return [record.target.partition(".")[2] for record in migration.plan.layers], migration

    return run
