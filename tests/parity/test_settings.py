"""Level L0, the settings: what no output shows, planned or left at its default."""

import dataclasses

import pytest

from slimfix.parity import diff_parity, settings
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.matching import match_weights
from slimfix.parity.settings import _plain


@pytest.fixture
def compare_settings(good):
    """Compares a model with a plan; weights are matched as the proof does it."""

    def run(model, plan):
        flow = read_dataflow(model)
        matches = match_weights(flow, plan, good.read)
        return settings.compare_settings(flow, plan, matches)

    return run


L2_OF = {"module": "keras.regularizers", "class_name": "L2", "registered_name": None}
NON_NEGATIVE = {
    "module": "keras.constraints",
    "class_name": "NonNeg",
    "config": {},
    "registered_name": None,
}


def test_the_right_model_has_all_settings(good, rebuilt, compare_settings):
    found = compare_settings(good.model, good.plan)
    assert found.different == ()
    assert found.compared == 189 - 19  # Of level L0 in all, less the weights.
    assert compare_settings(rebuilt(good.model, "digits__conv1"), good.plan) == found


@pytest.mark.parametrize(
    ("layer", "key", "value"),
    [
        ("digits__conv1", "kernel_constraint", NON_NEGATIVE),
        ("digits__fc4", "bias_constraint", NON_NEGATIVE),
        ("digits__conv1__BatchNorm", "beta_constraint", NON_NEGATIVE),
        ("digits__conv1", "activity_regularizer", {**L2_OF, "config": {"l2": 0.25}}),
        ("digits__conv1__BatchNorm", "activity_regularizer", {**L2_OF, "config": {"l2": 0.25}}),
        ("digits__pool1", "activity_regularizer", {**L2_OF, "config": {"l2": 0.25}}),
        ("digits__logits", "bias_constraint", NON_NEGATIVE),
        ("digits__dropout4", "noise_shape", [None, 1]),
    ],
)
def test_defaults_that_no_plan_names_are_compared(
    good, rebuilt, layer, key, value, compare_settings
):
    (record,) = [record for record in good.plan.layers if record.name == layer]
    assert key not in record.config
    changed = rebuilt(good.model, layer, **{key: value})
    (line,) = compare_settings(changed, good.plan).different
    assert line.startswith(f"'{layer}' {key}: planned None; saved ")


@pytest.mark.parametrize(
    ("layer", "key", "value", "line"),
    [
        ("digits__conv1__BatchNorm", "momentum", 0.9, "planned 0.95; saved 0.9"),
        ("digits__dropout4", "rate", 0.25, None),
        ("digits__conv1", "dilation_rate", [2, 1], None),
        ("digits__conv1", "trainable", False, "planned True; saved False"),
    ],
)
def test_planned_settings_are_compared(good, rebuilt, layer, key, value, line, compare_settings):
    (different,) = compare_settings(rebuilt(good.model, layer, **{key: value}), good.plan).different
    assert different.startswith(f"'{layer}' {key}: planned ")
    assert line is None or different.endswith(line)


def test_factors_of_a_penalty_are_compared(good, rebuilt, compare_settings):
    (record,) = [record for record in good.plan.layers if record.name == "digits__conv1"]
    factor = record.config["kernel_regularizer"]["config"]["l2"]
    for times, count in ((1.0, 0), (2.0, 1), (0.0, 1)):
        penalty = {**L2_OF, "config": {"l2": times * factor}}
        changed = rebuilt(good.model, "digits__conv1", kernel_regularizer=penalty)
        different = compare_settings(changed, good.plan).different
        assert len(different) == count, times
        assert all(line.startswith("'digits__conv1' kernel_regularizer: ") for line in different)


def test_initial_values_are_no_settings(good, rebuilt, compare_settings):
    zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {}}
    changed = rebuilt(good.model, "digits__conv1", kernel_initializer=zeros)
    assert compare_settings(changed, good.plan).different == ()


def test_missing_and_additional_layers(good, compare_settings):
    import keras

    right = compare_settings(good.model, good.plan)
    shorter = keras.Model(good.model.inputs, good.model.get_layer("digits__fc4").output)
    found = compare_settings(shorter, good.plan)
    missing = [line for line in found.different if line.endswith("planned; not in the model")]
    assert "'digits__logits' (Dense): planned; not in the model" in missing
    assert list(found.different) == missing
    longer = keras.Model(
        good.model.inputs, keras.layers.Softmax(name="odds")(good.model.outputs[0])
    )
    found = compare_settings(longer, good.plan)
    assert found.different == ("'odds' (Softmax): not planned",)
    assert found.compared == right.compared + 1


def test_a_layer_of_another_class(good, compare_settings):
    layers = [
        dataclasses.replace(record, target="layers.MaxPooling3D")
        if record.name == "digits__pool1"
        else record
        for record in good.plan.layers
    ]
    plan = dataclasses.replace(good.plan, layers=tuple(layers))
    assert compare_settings(good.model, plan).different == (
        "'digits__pool1': planned MaxPooling3D; saved MaxPooling2D",
    )


def test_of_a_model_with_names_of_its_own_what_decides_training_is_compared(
    good, renamed, rebuilt, compare_settings
):
    model, _ = renamed(good.model)
    assert compare_settings(model, good.plan).different == ()
    assert compare_settings(model, good.plan).compared > 20
    for layer, key, value, start in (
        ("digits__conv1__BatchNorm", "momentum", 0.9, "momentum: planned 0.95; model 0.9"),
        ("digits__conv1", "kernel_regularizer", None, "kernel_regularizer: planned {"),
        ("digits__fc4", "trainable", False, "trainable: planned True; model False"),
        ("digits__dropout4", "rate", 0.5, "dropouts: planned rate 0.2"),
    ):
        changed, _ = renamed(rebuilt(good.model, layer, **{key: value}))
        (line,) = compare_settings(changed, good.plan).different
        assert start in line


@pytest.mark.parametrize("kind", ["regularizer", "constraint"])
def test_what_is_set_on_a_layer_after_it_was_built_is_ignored_as_keras_does(
    good, rebuilt, compare_settings, kind
):
    """Keras asks the weight; the layer's own attribute only shows in its configuration."""
    import keras

    changed = rebuilt(good.model, "digits__conv1")
    late = keras.regularizers.L2(0.5) if kind == "regularizer" else keras.constraints.NonNeg()
    setattr(changed.get_layer("digits__conv1"), f"kernel_{kind}", late)
    assert compare_settings(changed, good.plan).different == ()
    changed.get_layer("digits__conv1").kernel.__setattr__(kind, late)
    (line,) = compare_settings(changed, good.plan).different
    assert line.startswith(f"'digits__conv1' kernel_{kind}: planned ")


def test_a_weight_that_is_frozen_by_itself(good, rebuilt):
    model = rebuilt(good.model, "digits__conv1")
    model.get_layer("digits__conv1").kernel.trainable = False
    assert diff_parity(model, good).settings.different == (
        "'digits__conv1/kernel' trainable: planned True; model False",
    )


def test_a_model_that_is_frozen_around_its_layers(good, rebuilt):
    model = rebuilt(good.model, "digits__conv1")
    model.trainable = False
    for layer in model.layers:
        layer.trainable = True
    assert "'digits__conv1/kernel' trainable" in " ".join(
        diff_parity(model, good).settings.different
    )


def test_two_dropouts_with_one_seed(tmp_path, monkeypatch):
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix import slim
    from slimfix.migration import convert

    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf.Session() as session:
        h = x = tf.placeholder(tf.float32, [None, 6], name="x")
        for scope in ("a", "b"):
            h = slim.dropout(slim.fully_connected(h, 5, scope=scope), 0.5, scope=f"{scope}/drop")
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, "m.ckpt")
    migration = convert("m.ckpt", inputs=x.name, outputs=h.name)

    def by_hand(seeds):
        h = x = keras.Input((6,))
        weighted = []
        for scope, seed in zip("ab", seeds):
            layer = keras.layers.Dense(5, activation="relu", name=f"mine_{scope}")
            h = keras.layers.Dropout(0.5, seed=seed, name=f"drop_{scope}")(layer(h))
            weighted.append((layer, scope))
        model = keras.Model(x, h)
        for layer, scope in weighted:
            layer.set_weights([migration.read(f"{scope}/{name}") for name in ("weights", "biases")])
        return diff_parity(model, migration).settings.different

    assert by_hand([1, 2]) == by_hand([None, None]) == ()
    (line,) = by_hand([1, 1])
    assert line == "'drop_a' seed: the same as of 'drop_b', so that both draw the same numbers"


def test_one_penalty_written_in_two_ways(good, rebuilt, compare_settings):
    """L1(0.1) is L1L2(0.1, 0); a class that calls itself L2 is none of Keras's."""
    of_keras = {"module": "keras.regularizers", "registered_name": None}
    short = {**of_keras, "class_name": "L1", "config": {"l1": 0.1}}
    long = {**of_keras, "class_name": "L1L2", "config": {"l1": 0.1, "l2": 0.0}}
    assert _plain(short, "kernel_regularizer") == _plain(long, "kernel_regularizer")
    own = {"module": None, "class_name": "L2", "config": {"l2": 0.1}, "registered_name": "mine>L2"}
    keras_l2 = {**of_keras, "class_name": "L2", "config": {"l2": 0.1}}
    assert _plain(own, "kernel_regularizer") != _plain(keras_l2, "kernel_regularizer")


@pytest.mark.parametrize(
    "kind, key, config",
    [
        ("DepthwiseConv2D", "depthwise_regularizer", {"kernel_size": 3}),
        ("SeparableConv2D", "depthwise_regularizer", {"filters": 2, "kernel_size": 3}),
        ("SeparableConv2D", "pointwise_regularizer", {"filters": 2, "kernel_size": 3}),
        ("Conv2D", "kernel_regularizer", {"filters": 2, "kernel_size": 3}),
    ],
)
def test_a_penalty_that_is_set_late_is_not_used(kind, key, config):
    import keras

    layer = getattr(keras.layers, kind)(**config)
    layer.build((None, 8, 8, 3))
    setattr(layer, key, keras.regularizers.L2(0.1))
    assert layer.get_config()[key] is not None
    found = settings.live_config(layer)
    assert found[key] is None and found["bias_regularizer"] is None
