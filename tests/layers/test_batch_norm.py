"""slimfix.SlimBatchNormalization trains as TensorFlow 1.15.5 recorded of slim.batch_norm."""

import batch_norm_cases as cases
import keras
import numpy as np
import pytest

import slimfix
from slimfix.errors import UsageError

# Cases of tests/golden/behaviour.npz, and what the layer is told.
PATHS = {
    "core": {"fused": True},
    "core_unfused": {"fused": False},
    "fused_rank2": {"fused": True},
    "fused_updates_none": {"fused": True},
    "fused_zero_debias": {"fused": True, "zero_debias_moving_mean": True},
    "fused_zero_debias_rank2": {"fused": True, "zero_debias_moving_mean": True},
    "legacy_updates_none": {"fused": False},
    "legacy_zero_debias": {"fused": False, "zero_debias_moving_mean": True},
    "core_unfused_nchw": {"fused": False, "axis": 1},
}
ROUNDING = 8 * np.finfo(np.float32).eps


def batch(path, step):
    """What batch_norm_cases.py fed in a step."""
    shape = {"rank2": [5, 4], "nchw": [4, 4, 5, 3]}.get(path.rpartition("_")[2], [4, 5, 3, 4])
    return cases._numbers(path, step, shape) * np.float32(1 + 0.2 * step) + np.float32(0.1)


def run_steps(layer, path):
    """Returns, by step, the output and the statistics after it."""
    layer.build(batch(path, 1).shape)
    for weight in layer.weights:
        weight.assign(np.array(cases.VALUES[weight.name], np.float32))
    found = {}
    for step in range(1, cases.STEPS + 1):
        output = layer(batch(path, step), training=True)
        found[step] = {w.name: keras.ops.convert_to_numpy(w) for w in layer.weights}
        found[step]["output"] = keras.ops.convert_to_numpy(output)
    return found


def recorded(path):
    """Returns, by step, the output and the statistics that TensorFlow 1.15.5 had."""
    found = {}
    with np.load("tests/golden/behaviour.npz") as file:
        for step in cases.RECORDED_STEPS:
            start = f"{path}/bool/step{step}/"
            names = [key for key in file.files if key.startswith(start + "statistic/")]
            found[step] = {key.rpartition("/")[2]: file[key] for key in names}
            found[step]["output"] = file[start + "output"]
    return found


def error(found, wanted):
    """The largest error, relative to the largest value."""
    return float(np.max(np.abs(found - wanted)) / np.max(np.abs(wanted)))


@pytest.mark.parametrize("path", sorted(PATHS))
def test_it_trains_as_slim_did(path):
    layer = slimfix.SlimBatchNormalization(momentum=0.9, scale=True, **PATHS[path])
    found = run_steps(layer, path)
    for step, wanted in recorded(path).items():
        for name, value in wanted.items():
            assert error(found[step][name], value) < ROUNDING, (step, name)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("core", "moving_variance"),
        ("fused_rank2", "moving_variance"),
        ("fused_updates_none", "moving_variance"),
        ("fused_zero_debias", "moving_mean"),
        ("legacy_zero_debias", "moving_mean"),
    ],
)
def test_the_layer_of_keras_trains_otherwise(path, name):
    found = run_steps(keras.layers.BatchNormalization(momentum=0.9), path)
    assert error(found[1][name], recorded(path)[1][name]) > 1e-3


@pytest.mark.parametrize("path", ["core_unfused", "legacy_updates_none"])
def test_the_layer_of_keras_trains_alike_where_slim_writes_it_out(path):
    found = run_steps(keras.layers.BatchNormalization(momentum=0.9), path)
    assert error(found[5]["moving_variance"], recorded(path)[5]["moving_variance"]) < ROUNDING


def test_one_element_a_channel_keeps_its_variance():
    layer = slimfix.SlimBatchNormalization(momentum=0.5)
    layer(np.array([[3.0, -2.0]], np.float32), training=True)
    np.testing.assert_array_equal(layer.moving_variance.numpy(), [0.5, 0.5])
    np.testing.assert_array_equal(layer.moving_mean.numpy(), [1.5, -1.0])


def test_gradients_are_those_that_tensorflow_1_recorded():
    import tensorflow as tf

    layer = slimfix.SlimBatchNormalization(momentum=0.9, scale=True)
    x = tf.constant(batch("core", 1))
    layer.build(x.shape)
    layer.gamma.assign(cases.VALUES["gamma"])
    layer.beta.assign(cases.VALUES["beta"])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, training=True) * cases._numbers("core", "cotangent", x.shape))
    wanted = {"bn/gamma": layer.gamma.value, "bn/beta": layer.beta.value, "x": x}
    with np.load("tests/golden/behaviour.npz") as file:
        for name, slope in tape.gradient(loss, wanted).items():
            assert error(slope.numpy(), file[f"core/bool/step1/gradient/{name}"]) < 2 * ROUNDING


def test_inference_is_that_of_keras():
    values = [np.array(cases.VALUES[name], np.float32) for name in ("gamma", "beta")]
    values += [np.array(cases.VALUES[name], np.float32) for name in ("moving_mean",)]
    values += [np.array(cases.VALUES["moving_variance"], np.float32)]
    x = batch("core", 1)
    outputs = []
    for kind in (slimfix.SlimBatchNormalization, keras.layers.BatchNormalization):
        layer = kind(epsilon=1e-3, scale=True)
        layer.build(x.shape)
        layer.set_weights(values)
        outputs.append(keras.ops.convert_to_numpy(layer(x)))
        layer.trainable = False
        outputs.append(keras.ops.convert_to_numpy(layer(x, training=True)))
        np.testing.assert_array_equal(layer.get_weights()[2], values[2])
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])


def build_model():
    x = keras.Input((5, 3, 4))
    layer = slimfix.SlimBatchNormalization(
        momentum=0.9, fused=False, zero_debias_moving_mean=True, name="bn"
    )
    return keras.Model(x, layer(x))


def test_fit_moves_the_statistics_as_a_call_does():
    x = batch("core", 2)
    model, alone = build_model(), build_model()
    model.compile("sgd", "mse")
    model.fit(x, x, batch_size=len(x), epochs=2, verbose=0)
    alone(x, training=True), alone(x, training=True)
    for name in ("moving_mean", "moving_variance", "biased", "local_step"):
        found, wanted = (getattr(m.get_layer("bn"), name).numpy() for m in (model, alone))
        np.testing.assert_allclose(found, wanted, rtol=ROUNDING, atol=ROUNDING)
    assert model.get_layer("bn").local_step.numpy() == 2.0


def test_a_saved_model_comes_back_whole(tmp_path):
    model, x = build_model(), batch("core", 2)
    model(x, training=True)
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.get_layer("bn").get_config() == model.get_layer("bn").get_config()
    for found, wanted in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(loaded(x, training=True), model(x, training=True))


def test_freezing_knows_it():
    model = build_model()
    slimfix.freeze_batch_norm(model)
    before = model.get_weights()
    model(batch("core", 2), training=True)
    for found, wanted in zip(model.get_weights(), before):
        np.testing.assert_array_equal(found, wanted)


def test_the_defaults_are_those_of_slim():
    config = slimfix.SlimBatchNormalization().get_config()
    assert (config["momentum"], config["epsilon"]) == (0.999, 1e-3)
    assert (config["center"], config["scale"], config["fused"]) == (True, False, True)
    assert "renorm" not in config  # Keras 3.12 would not know it.


@pytest.mark.parametrize("argument", ["renorm", "synchronized"])
def test_what_slim_does_otherwise_is_refused(argument):
    with pytest.raises(UsageError) as raised:
        slimfix.SlimBatchNormalization(**{argument: True})
    assert str(raised.value).startswith(f"SlimBatchNormalization has no {argument}\n")
    assert "Fix: use keras.layers.BatchNormalization" in str(raised.value)
