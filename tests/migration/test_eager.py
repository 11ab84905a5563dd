"""Keras walks through models by recursion."""

import sys

import pytest

from slimfix.errors import MigrationError
from slimfix.migration.eager import run_eagerly


def test_a_model_too_deep_for_keras_is_told():
    import keras

    x = end = keras.Input([3])
    for _ in range(sys.getrecursionlimit() + 10):
        end = keras.layers.Identity()(end)
    with pytest.raises(MigrationError) as caught:
        run_eagerly(keras.Model, x, end)
    text = str(caught.value)
    assert text.startswith("The network is too deep for Keras here:\n")
    assert f"at most {sys.getrecursionlimit()} functions" in text


def test_it_is_built_once_python_may_call_deeper():
    import keras

    before = sys.getrecursionlimit()
    x = end = keras.Input([3])
    for _ in range(before + 10):
        end = keras.layers.Identity()(end)
    sys.setrecursionlimit(100_000)
    try:
        assert len(run_eagerly(keras.Model, x, end).layers) == before + 11
    finally:
        sys.setrecursionlimit(before)
