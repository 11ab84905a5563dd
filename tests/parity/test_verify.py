"""The proof fails when the model is wrong: one sabotage for each way to be wrong."""

import numpy as np
import pytest

from slimfix.errors import ParityError, UsageError
from slimfix.migration import convert
from slimfix.parity import Verdict, diff_parity, read_recording

CHECKPOINT = "tests/golden/digits/good/model.ckpt"
RECORDING = "tests/golden/digits/good/recording.npz"


@pytest.fixture(scope="module")
def migration():
    return convert(CHECKPOINT)


@pytest.fixture(scope="module")
def recording():
    return read_recording(RECORDING)


@pytest.fixture
def verify(migration, recording, tmp_path):
    """Saves a model and verifies the file against the original."""

    def run(model, recording=recording):
        path = str(tmp_path / "model.keras")
        model.save(path)
        return diff_parity(path, migration, recording)

    return run


def test_the_unharmed_model_passes(migration, verify):
    result = verify(migration.model)
    assert result.passed
    assert result.verdict is Verdict.EQUIVALENT
    assert result.weights.compared == 19
    assert result.weights.different == ()
    assert len(result.layers) == 16
    assert result.layers[-1].tensor == result.outputs[0] == "digits/logits/BiasAdd:0"
    assert result.reference.description == "recorded by TensorFlow 1.15.5"
    assert result.reference.recorded_tensors == 21
    assert all(row.function_error < 1e-12 for row in result.layers)


def test_original_errors_are_those_of_the_recording(migration, verify, recording):
    """The float32 side that Keras is held against is TensorFlow 1.15.5, not a run of today.

    Shown on a recording that is off by a little more than rounding: its error must be reported.
    """
    import dataclasses

    name = "digits/pool1/MaxPool:0"
    tensors = dict(recording.tensors)
    tensors[name] = tensors[name] * np.float32(1 + 5e-6)
    off = dataclasses.replace(recording, tensors=tensors)
    rows = {row.tensor: row for row in verify(migration.model, off).layers}
    assert rows[name].original_error == pytest.approx(5e-6, rel=0.1)
    assert rows["digits/conv1/Conv2D:0"].original_error < 1e-6


@pytest.mark.parametrize(
    ("layer", "config", "first"),
    [
        ("digits__sepconv2__BatchNorm", {"epsilon": 1e-3}, "digits__sepconv2__BatchNorm"),
        ("digits__conv1__BatchNorm", {"epsilon": 0.00100001}, "digits__conv1__BatchNorm"),
        ("digits__conv1", {"dilation_rate": [2, 1]}, "digits__conv1"),
        ("digits__pool1", {"padding": "same", "pool_size": [3, 1]}, "digits__pool1"),
        ("digits__sepconv2__Relu6", {"max_value": None}, "digits__sepconv2__Relu6"),
        ("digits__fc4", {"activation": "relu"}, "digits__fc4"),
    ],
)
def test_another_setting_is_caught_at_its_layer(migration, verify, rebuilt, layer, config, first):
    result = verify(rebuilt(migration.model, layer, **config))
    assert not result.passed
    assert result.verdict is Verdict.DIFFERENT
    assert result.first_difference.layer == first


def test_one_ulp_in_one_weight_is_caught_at_level_0(migration, verify):
    import keras

    model = keras.models.clone_model(migration.model)
    values = migration.model.get_weights()
    values[0][0, 0, 0, 0] = np.nextafter(values[0][0, 0, 0, 0], np.float32(9))
    model.set_weights(values)
    result = verify(model)
    assert not result.passed
    assert result.weights.different == (
        "'digits/conv1/weights' [3, 2, 1, 12] float32; Keras 'digits__conv1/kernel' "
        "[3, 2, 1, 12] float32; it is off by up to 1 ULP in 1 of 72 values",
    )


def test_mean_and_variance_swapped_are_caught(migration, verify):
    import keras

    model = keras.models.clone_model(migration.model)
    model.set_weights(migration.model.get_weights())
    layer = model.get_layer("digits__fc4__BatchNorm")
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    layer.moving_mean.assign(variance)
    layer.moving_variance.assign(np.abs(mean))
    result = verify(model)
    assert len(result.weights.different) == 2
    assert result.first_difference.layer == "digits__fc4__BatchNorm"


@pytest.mark.parametrize(
    ("layer", "key", "value"),
    [
        ("digits__conv1__BatchNorm", "momentum", 0.5),
        ("digits__dropout4", "rate", 0.9),
        ("digits__conv1", "kernel_regularizer", None),
        ("digits__fc4", "trainable", False),
    ],
)
def test_a_setting_that_only_training_shows_is_caught(
    migration, verify, rebuilt, layer, key, value
):
    result = verify(rebuilt(migration.model, layer, **{key: value}))
    assert not result.passed
    assert result.first_difference is None
    (line,) = result.settings.different
    assert line.startswith(f"'{layer}' {key}: planned ")


def test_something_behind_the_output_is_caught(migration, verify):
    """Every layer inside is right; what the model gives is not."""
    import keras

    model = migration.model
    result = verify(keras.Model(model.inputs, keras.ops.softmax(model.outputs[0])))
    assert not result.passed
    assert result.first_difference.tensor == "digits/logits/BiasAdd:0"


def test_swapped_outputs_are_caught(tmp_path):
    import keras

    outputs = ["digits/logits/BiasAdd:0", "digits/conv3/Relu:0"]
    two = convert(CHECKPOINT, outputs=outputs)
    path = str(tmp_path / "model.keras")
    two.model.save(path)
    result = diff_parity(path, two)
    assert result.passed
    assert result.outputs == tuple(outputs)
    keras.Model(two.model.inputs, two.model.outputs[::-1]).save(path)
    assert not diff_parity(path, two).passed
    keras.Model(two.model.inputs, two.model.outputs[:1]).save(path)
    with pytest.raises(ParityError, match="outputs: planned 2; model 1"):
        diff_parity(path, two)


def test_the_output_is_proved_under_the_name_that_was_asked_for(tmp_path, monkeypatch):
    """Sabotage: an op that changes values is taken for one that hands them on."""
    from slimfix.network import forward_pass

    monkeypatch.setattr(forward_pass, "_SAME_TENSOR", forward_pass._SAME_TENSOR | {"Relu"})
    wrong = convert(CHECKPOINT, outputs="digits/conv3/Relu:0")
    path = str(tmp_path / "model.keras")
    wrong.model.save(path)
    result = diff_parity(path, wrong)
    assert result.outputs == ("digits/conv3/Relu:0",)
    assert not result.passed


def test_an_output_that_no_layer_makes_is_refused(migration, tmp_path):
    """Sabotage: nobody says where in the model the output is."""
    import dataclasses

    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    with pytest.raises(ParityError, match="outputs are those of no layer") as caught:
        diff_parity(path, dataclasses.replace(migration, probes=migration.probes[:-1]))
    assert "  'digits/logits/BiasAdd:0'" in str(caught.value)


def test_a_network_without_finite_values_proves_nothing(migration, tmp_path):
    import dataclasses

    def read(name):
        return migration.read(name) * np.float32(np.nan if name == "digits/conv1/weights" else 1)

    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    with pytest.raises(UsageError, match="'digits/conv1/Conv2D:0' has no finite value"):
        diff_parity(path, dataclasses.replace(migration, read=read))


@pytest.mark.parametrize("damage", ["nan", "empty", "dtype", "shape", "switch", "no tensors"])
def test_a_recording_that_proves_nothing_is_refused(migration, verify, recording, damage):
    import dataclasses

    images = recording.inputs["images:0"]
    changed = {
        "nan": {"inputs": {"images:0": np.full_like(images, np.nan)}},
        "empty": {"inputs": {"images:0": images[:0]}},
        "dtype": {"inputs": {"images:0": images.astype(np.float64)}},
        "shape": {"inputs": {"images:0": images[..., 0]}},
        "switch": {"switches": {"is_training:0": True}},
        "no tensors": {"tensors": {}},
    }[damage]
    with pytest.raises(UsageError, match="is not one of this network"):
        verify(migration.model, dataclasses.replace(recording, **changed))


@pytest.mark.parametrize("room", ["tensors", "training", "switches"])
def test_recorded_names_that_the_graph_lacks_are_told(migration, verify, recording, room):
    import dataclasses

    value = True if room == "switches" else np.ones(3, np.float32)
    more = {**getattr(recording, room), "elsewhere:0": value}
    with pytest.raises(UsageError) as caught:
        verify(migration.model, dataclasses.replace(recording, **{room: more}))
    assert f"1 tensor of recording '{recording.path}' not in the graph:\n  'elsewhere:0'" in str(
        caught.value
    )


def test_a_recording_of_another_checkpoint_is_refused(migration, tmp_path):
    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    other = read_recording("tests/golden/digits/no_updates/recording.npz")
    with pytest.raises(ParityError) as caught:
        diff_parity(path, migration, other)
    assert "are not what this graph and checkpoint compute" in str(caught.value)


def test_a_recording_of_another_network_is_refused(migration, tmp_path):
    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    other = read_recording("tests/golden/micro/rank4_scale/recording.npz")
    with pytest.raises(UsageError) as caught:
        diff_parity(path, migration, other)
    assert "  input 'images:0': not in it; it has x:0\n" in str(caught.value)


def test_without_recording_inputs_are_drawn(migration, tmp_path):
    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    results = [diff_parity(path, migration) for _ in range(2)]
    assert all(result.passed for result in results)
    assert results[0].reference.recorded_tensors == 0
    assert results[0].reference.description.startswith("graph run by TensorFlow 2.")
    assert results[0].inputs_sha256 == results[1].inputs_sha256


@pytest.mark.parametrize("shift", [1, 2, 5])
def test_names_of_the_plan_that_stand_for_other_layers(good, renamed, shift):
    """The right model, whose layers are called as others of the plan, in turns."""
    layers = [layer.name for layer in good.model.layers[1:]]
    called = dict(zip(layers, layers[shift:] + layers[:shift]))
    model, _ = renamed(good.model, called)
    assert diff_parity(model, good).passed


def test_they_are_told_by_weights_on_batches_that_can_be_read_once(good, renamed):
    layers = [layer.name for layer in good.model.layers[1:]]
    model, _ = renamed(good.model, dict(zip(layers, layers[1:] + layers[:1])))
    with np.load(RECORDING) as recorded:
        images = recorded["input/images:0"]
    assert diff_parity(model, good, data=(images for _ in range(1))).passed


def test_names_of_the_plan_that_stand_for_other_layers_excuse_nothing(good, renamed, rebuilt):
    layers = [layer.name for layer in good.model.layers[1:]]
    called = dict(zip(layers, layers[1:] + layers[:1]))
    wrong, _ = renamed(rebuilt(good.model, "digits__dropout4", rate=0.4), called)
    result = diff_parity(wrong, good)
    assert not result.passed
