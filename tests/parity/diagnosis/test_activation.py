"""Activations: missing, other ones, before or after batch norm; dropout."""

import pytest


@pytest.mark.parametrize(
    ("layer", "config", "text"),
    [
        ("digits__sepconv2__Relu6", {"max_value": None}, "activation relu in place of relu6"),
        (
            "digits__conv1__Relu",
            {"negative_slope": 0.3},
            "activation relu of slope 0.3 in place of relu",
        ),
        (
            "digits__fc4",
            {"activation": "relu"},
            "activation relu before batch norm in place of after it",
        ),
        ("digits__fc4", {"activation": "tanh"}, "activation tanh in place of none"),
        ("digits__logits", {"activation": "softmax"}, "activation softmax in place of none"),
    ],
)
def test_another_activation(digits, changed, fitting, layer, config, text):
    assert fitting(digits, changed(digits.migration.model, layer, **config)) == [text]


def test_an_activation_that_does_nothing(digits, remade, fitting):
    import keras

    linear = keras.layers.Activation("linear", name="digits__conv1__Relu")
    model = remade(digits.migration.model, {"digits__conv1__Relu": linear})
    assert fitting(digits, model) == ["activation none in place of relu"]


def test_the_slope_of_a_leaky_relu(graph, net, changed, fitting):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    case = net(tf.nn.leaky_relu(x, 0.2, name="leaky"))
    (layer,) = case.migration.model.layers[1:]
    model = changed(case.migration.model, layer.name, negative_slope=0.3)
    assert fitting(case, model) == [
        "activation leaky_relu of slope 0.3 in place of leaky_relu of slope 0.2"
    ]


def test_an_activation_before_batch_norm(digits, remade, fitting):
    """The layers are the same, in another order."""
    norm, relu = "digits__conv1__BatchNorm", "digits__conv1__Relu"
    layers = {}

    def keep(layer, data):
        layers[layer.name] = layer
        return data

    def both(layer, data):
        return layers[norm](layer(data))

    model = remade(digits.migration.model, calls={norm: keep, relu: both})
    assert fitting(digits, model) == ["activation relu before batch norm in place of after it"]


def test_an_activation_after_batch_norm(graph, net, remade, fitting):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    dense = slim.fully_connected(x, 4, scope="fc")
    case = net(slim.batch_norm(dense, is_training=False, scope="bn"))
    layers = {}

    def keep(layer, data):
        layers[layer.name] = layer
        return data

    def both(layer, data):
        return layers["fc__Relu"](layer(data))

    model = remade(case.migration.model, calls={"fc__Relu": keep, "bn": both})
    assert fitting(case, model) == ["activation relu after batch norm in place of before it"]


def test_dropout_in_inference(digits, remade, fitting):
    calls = {"digits__dropout4": lambda layer, data: layer(data, training=True)}
    model = remade(digits.migration.model, calls=calls)
    assert fitting(digits, model) == ["dropout active in inference"]
