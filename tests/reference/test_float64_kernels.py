"""Ops with kernels for float32 only, written out for float64, against NumPy."""

import numpy as np
import pytest

from slimfix.graphdef.view import GraphView
from tests.reference.run_once import run_reference


@pytest.fixture
def run(graph):
    import tensorflow.compat.v1 as tf

    def in_float64(build, value):
        x = tf.placeholder(value.dtype, value.shape, name="x")
        net = build(tf, x)
        view = GraphView.from_graph_def(graph.as_graph_def())
        return run_reference(view, None, {"x:0": value}, [net.name], float64=True)[net.name]

    return in_float64


def test_local_response(run):
    value = np.random.default_rng(5).normal(size=(2, 3, 2, 6)).astype(np.float32)
    found = run(lambda tf, x: tf.nn.lrn(x, 2, bias=0.5, alpha=0.25, beta=0.75), value)
    exact = value.astype(np.float64)
    square = np.pad(exact**2, [(0, 0)] * 3 + [(2, 2)])
    sums = sum(square[..., k : k + 6] for k in range(5))
    np.testing.assert_allclose(found, exact / (0.5 + 0.25 * sums) ** 0.75, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_bilinear(run, dtype):
    """From 3 rows to 5 with aligned corners, new rows lie at 0, 0.5, 1, 1.5 and 2."""
    value = np.arange(3 * 2, dtype=dtype).reshape(1, 3, 2, 1) ** 2
    found = run(lambda tf, x: tf.image.resize_bilinear(x, [5, 2], align_corners=True), value)
    rows = value.astype(np.float64)[0, :, :, 0]
    expected = [rows[0], (rows[0] + rows[1]) / 2, rows[1], (rows[1] + rows[2]) / 2, rows[2]]
    np.testing.assert_allclose(found[0, :, :, 0], expected, rtol=1e-14)
