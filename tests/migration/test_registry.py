"""Converters of a user's: what they get wrong is told with their name."""

import pytest

from slimfix.errors import MigrationError, UsageError
from slimfix.graphdef.view import Node
from slimfix.migration import convert, converts, registry


@pytest.fixture
def node(monkeypatch):
    monkeypatch.setattr(registry, "_OF_USERS", {})
    return Node("net/odd", "Odd", (), ())


def test_one_that_fails_is_told(node):
    @converts("Odd")
    def broken(planner, node):
        return {}["missing"]

    with pytest.raises(UsageError) as caught:
        registry.convert(None, node)
    text = str(caught.value)
    assert text.startswith(f"Converter '{__name__}:broken', asked about Odd 'net/odd', fails")
    assert "KeyError: 'missing'" in text


def test_one_that_returns_something_else_is_told(node):
    @converts("Odd")
    def careless(planner, node):
        return "keras.layers.ReLU"

    with pytest.raises(UsageError, match="a str; want a LayerRecord or None"):
        registry.convert(None, node)


@pytest.mark.parametrize(
    "target, fault",
    [
        ("ops.nothing", "Keras has no 'ops.nothing'"),
        ("room.Layer", "Keras has no 'room.Layer'"),
        ("ops.top_k", "'ops.top_k' gives 2 tensors, 1 planned"),
    ],
)
def test_a_plan_that_keras_cannot_follow_is_told(graph, saved, monkeypatch, target, fault):
    import tensorflow.compat.v1 as tf

    monkeypatch.setattr(registry, "_OF_USERS", {})

    @converts("TopKV2")
    def wrong(planner, node):
        config = {"k": 2} if target == "ops.top_k" else {}
        return planner.layer(target, node.name, node.inputs[:1], node, config)

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    largest, _ = tf.nn.top_k(x, 2)
    prefix = saved()
    with pytest.raises(MigrationError) as caught:
        convert(prefix, inputs="x:0", outputs=largest.name)
    assert fault in str(caught.value)
    assert "yours if op_converters has it" in str(caught.value)


def test_one_that_forgets_a_variable_is_told(graph, saved, x, monkeypatch):
    from slimfix import slim

    monkeypatch.setattr(registry, "_OF_USERS", {})

    @converts("Conv2D")
    def forgetful(planner, node):
        return planner.layer("layers.ReLU", node.name, node.inputs[:1], node, {})

    net = slim.conv2d(x, 3, [3, 2], activation_fn=None, biases_initializer=None, scope="c")
    prefix = saved()
    with pytest.raises(MigrationError) as caught:
        convert(prefix, outputs=[net.name])
    text = str(caught.value)
    assert "would be lost:\n  'c/weights'\n" in text
    assert f"a converter of yours forgot them: '{__name__}:forgetful'." in text
    assert f"Network: '{prefix}.meta'" in text
