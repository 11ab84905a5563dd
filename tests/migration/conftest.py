"""Small TensorFlow 1 networks, saved as people save them."""

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import diff_parity


@pytest.fixture
def saved(graph, tmp_path):
    """Saves the default graph with distinct weights; gives the checkpoint prefix."""
    import tensorflow.compat.v1 as tf

    def save():
        if not tf.global_variables():
            tf.get_variable("unread", [2])  # A Saver refuses to save nothing.
        generator = np.random.default_rng(7)
        with tf.Session(graph=graph) as session:
            for variable in tf.global_variables():
                shape = variable.shape.as_list()
                value = generator.uniform(0.25, 1.75, shape) * generator.choice([-1, 1], shape)
                if "variance" in variable.op.name:
                    value = np.abs(value)
                session.run(variable.initializer, {variable.initializer.inputs[1]: value})
            return tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))

    return save


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
