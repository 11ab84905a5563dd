"""Fixtures that the tests of live graphs share."""

import pytest


@pytest.fixture
def session(graph):
    """A session of the fresh graph."""
    import tensorflow.compat.v1 as tf

    with tf.Session(graph=graph) as opened:
        yield opened
