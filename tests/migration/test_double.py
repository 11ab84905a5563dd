"""Graphs in float64: constants and layers keep all their digits."""

import numpy as np

from slimfix.migration.eager import run_eagerly


def test_a_network_in_float64(graph, prove):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float64, [None, 7, 5, 4], name="x")
    row = tf.constant(np.array([0.3, -1.7, 2.9, 0.017]))
    net = (x - row) / row * row + 0.1
    net = slim.layer_norm(net, scope="norm")
    net = tf.nn.relu(net) + tf.get_variable("alpha", [4], tf.float64) * tf.minimum(net, 0.0)
    net = tf.reduce_mean(tf.pow(tf.abs(net) + row * row, 0.7), [1, 2])
    kinds, _ = prove(tf.nn.l2_normalize(net, 1), tf.cast(net, tf.float32))
    assert "PReLU" in kinds and "Rescaling" not in kinds


def test_the_part_of_a_network_that_is_in_float64(x, prove, tmp_path):
    """Float32 logits, and what is made of them in float64 alone: log(softmax) of -470 is finite."""
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    logits = slim.conv2d(x, 3, 1, activation_fn=None, scope="logits") * 20.0
    log = tf.log(tf.nn.softmax(tf.cast(tf.reduce_mean(logits, [1, 2]), tf.float64)))
    _, migration = prove(log, tf.cast(log, tf.float32))
    by_kind = {record.target.partition(".")[2]: record.dtype for record in migration.plan.layers}
    assert by_kind["Conv2D"] == "float32" and by_kind["Softmax"] == "float64"
    images = np.ones((1, 7, 5, 4), np.float32) * 3

    def run():
        model = keras.models.load_model(tmp_path / "model.keras")
        assert [output.dtype for output in model.outputs] == ["float64", "float32"]
        logits = keras.Model(model.inputs, model.get_layer("Softmax").input)
        return np.array(logits(images)), np.array(model(images)[0])

    given, found = run_eagerly(run)
    want = given - given.max() - np.log(np.sum(np.exp(given - given.max())))  # Of float64 values.
    assert -700 < want.min() < -110  # Where float32's exp is 0, and float64's is not.
    assert np.allclose(found, want, rtol=1e-12)


def test_a_float64_input_of_a_float32_network(graph, prove):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float64, [None, 7, 5, 4], name="x")
    _, migration = prove(slim.conv2d(tf.cast(x, tf.float32), 3, 3, scope="c"))
    assert migration.plan.inputs[0].dtype == "float64"
    assert {record.dtype for record in migration.plan.layers if record.weights} == {"float32"}


def test_a_layer_of_another_dtype_is_named(x, prove):
    import json

    import keras

    from slimfix import slim
    from slimfix.parity import diff_parity

    _, migration = prove(slim.conv2d(x, 3, 3, scope="c"))
    text = migration.model.to_json()
    description = json.loads(text)
    layer = next(each for each in description["config"]["layers"] if each["name"] == "c")
    layer["config"]["dtype"]["config"]["name"] = "float64"

    def rebuild():
        other = keras.models.model_from_json(json.dumps(description))
        other.set_weights(migration.model.get_weights())
        return other

    other = run_eagerly(rebuild)
    result = diff_parity(other, migration)
    assert "'c' dtype: planned 'float32'; saved 'float64'" in result.settings.different
