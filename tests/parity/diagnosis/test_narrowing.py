"""Faults in a model made by other hands, with names of its own for every layer."""

import pytest

from slimfix.migration.eager import run_eagerly

NAMES = {
    "digits__conv1": "stem",
    "digits__conv1__BatchNorm": "stem_norm",
    "digits__sepconv2": "middle",
    "digits__sepconv2__BatchNorm": "middle_norm",
    "digits__sepconv2__Relu6": "middle_activation",
    "digits__pool2": "second_pool",
    "digits__conv3": "top",
}


@pytest.fixture
def renamed(digits):
    """Builds the golden network with names of its own and other settings of one layer."""

    def build(name, **config):
        import keras

        model, names = digits.migration.model, {}

        def clone(layer):
            settings = {**layer.get_config(), **(config if layer.name == name else {})}
            names[layer.name] = settings["name"] = NAMES.get(layer.name, f"own_{len(names)}")
            return type(layer).from_config(settings)

        def work():
            copy = keras.models.clone_model(model, clone_function=clone)
            for layer in model.layers[1:]:
                own = {weight.name: weight for weight in copy.get_layer(names[layer.name]).weights}
                for weight in layer.weights:
                    if weight.name in own:
                        own[weight.name].assign(weight.value)
            return copy

        return run_eagerly(work)

    return build


@pytest.mark.parametrize(
    ("name", "config", "tensor", "text"),
    [
        (
            "digits__sepconv2__BatchNorm",
            {"epsilon": 1e-3},
            "digits/sepconv2/BatchNorm/cond/FusedBatchNormV3_1:0",
            "epsilon 0.001 in place of 1.001e-05",
        ),
        (
            "digits__sepconv2__BatchNorm",
            {"scale": False},
            "digits/sepconv2/BatchNorm/cond/FusedBatchNormV3_1:0",
            "gamma missing",
        ),
        (
            "digits__conv1",
            {"dilation_rate": (2, 1)},
            "digits/conv1/Conv2D:0",
            "dilations 2, 1 in place of 1, 1",
        ),
        (
            "digits__sepconv2__Relu6",
            {"max_value": None},
            "digits/sepconv2/Relu6:0",
            "activation relu in place of relu6",
        ),
        (
            "digits__pool2",
            {"pool_size": (3, 3)},
            "digits/pool2/AvgPool:0",
            "pool_size (3, 3) in place of (3, 2)",
        ),
        ("digits__conv3", {"use_bias": False}, "digits/conv3/BiasAdd:0", "bias missing"),
    ],
)
def test_the_layer_is_found_by_its_values(digits, renamed, diagnose, name, config, tensor, text):
    """Only the output is compared; it is far behind the fault."""
    diagnosis = diagnose(digits, renamed(name, **config))
    assert diagnosis.layer == NAMES[name]
    assert diagnosis.tensor == tensor
    assert [trial.hypothesis for trial in diagnosis.fitting] == [text]


def test_a_layer_that_ends_in_its_activation(graph, net, diagnose):
    """The original's convolution and relu are one layer here, and its kernel is flipped."""
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 4], name="x")
    one = slim.conv2d(x, 4, 3, scope="one")
    case = net(tf.sigmoid(slim.conv2d(one, 4, 1, scope="two")))
    given = case.migration.model

    def build():
        source = keras.Input((6, 5, 4), name="image")
        one = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="my_one")
        two = keras.layers.Conv2D(4, 1, activation="relu", name="my_two")
        model = keras.Model(source, keras.ops.sigmoid(two(one(source))))
        for layer, name in ((one, "one"), (two, "two")):
            layer.set_weights(given.get_layer(name).get_weights())
        one.kernel.assign(one.kernel.numpy()[::-1])
        return model

    case.inputs = {"image": case.inputs["x"]}
    diagnosis = diagnose(case, run_eagerly(build))
    assert diagnosis.layer == "my_one"
    assert diagnosis.tensor == "one/Relu:0"
    assert [trial.hypothesis for trial in diagnosis.fitting] == ["kernel flipped along axis 0"]


def test_other_layers_before_one_of_a_planned_kind(digits, renamed, remade, diagnose):
    import keras

    norm = keras.layers.LayerNormalization(name="norm")
    noise = keras.layers.GaussianNoise(0.5, name="noise")
    (relu,) = [layer.name for layer in renamed("").layers[3:4]]

    def other(layer, data):
        before = data._keras_history.operation._inbound_nodes[0].input_tensors[0]
        return layer(noise(norm(before)))

    diagnosis = diagnose(digits, remade(renamed(""), calls={relu: other}))
    assert diagnosis.layer == relu
    assert diagnosis.tensor == "digits/conv1/Relu:0"
    assert [trial.hypothesis for trial in diagnosis.fitting] == [
        "'norm' (LayerNormalization) and 'noise' (GaussianNoise) in place of "
        "'digits__conv1__BatchNorm' (BatchNormalization)"
    ]


def test_no_layer_of_a_planned_kind(graph, net, diagnose):
    """Nothing to set a layer beside: the first wrong one is tried alone, and nothing fits it."""
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    case = net(slim.batch_norm(x, is_training=False, scope="bn"))

    def build():
        source = keras.Input((5,), name="x")
        norm = keras.layers.LayerNormalization(name="norm")(source)
        return keras.Model(source, keras.layers.Activation("tanh", name="last")(norm))

    diagnosis = diagnose(case, run_eagerly(build))
    assert diagnosis.fitting == ()
    assert diagnosis.layer == "last"
    assert diagnosis.trials
    assert not any(trial.hypothesis.startswith("'last'") for trial in diagnosis.trials)
