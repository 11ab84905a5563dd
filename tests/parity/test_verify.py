"""The proof fails when the model is wrong: one sabotage for each way to be wrong."""

import json

import numpy as np
import pytest

from slimfix.errors import ParityError, UsageError
from slimfix.migration import convert
from slimfix.parity import Verdict, read_recording, verify_parity

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

    def run(model):
        path = str(tmp_path / "model.keras")
        model.save(path)
        return verify_parity(path, migration, recording)

    return run


def rebuilt(model, layer, **config):
    """The same model with other settings of one layer, and the same weights."""
    import keras

    description = json.loads(model.to_json())
    (found,) = [item for item in description["config"]["layers"] if item["name"] == layer]
    assert set(config) <= set(found["config"])
    found["config"].update(config)
    changed = keras.models.model_from_json(json.dumps(description))
    changed.set_weights(model.get_weights())
    return changed


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
    """The float32 side that Keras is held against is TensorFlow 1.15.5, not a run of today."""
    row = verify(migration.model).layers[-1]
    recorded = recording.tensors[row.tensor]
    assert row.shape == recorded.shape
    assert row.scale == pytest.approx(np.abs(recorded).max(), rel=1e-5)


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
def test_another_setting_is_caught_at_its_layer(migration, verify, layer, config, first):
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
        "[3, 2, 1, 12] float32",
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


def test_a_recording_of_another_checkpoint_is_refused(migration, tmp_path):
    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    other = read_recording("tests/golden/digits/no_updates/recording.npz")
    with pytest.raises(ParityError) as caught:
        verify_parity(path, migration, other)
    assert "are not what this graph and checkpoint compute" in str(caught.value)


def test_a_recording_of_another_network_is_refused(migration, tmp_path):
    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    other = read_recording("tests/golden/micro/rank4_scale/recording.npz")
    with pytest.raises(UsageError) as caught:
        verify_parity(path, migration, other)
    assert "lacks 1 of 1 inputs:\n  'images:0'" in str(caught.value)


def test_without_recording_inputs_are_drawn(migration, tmp_path):
    path = str(tmp_path / "model.keras")
    migration.model.save(path)
    results = [verify_parity(path, migration) for _ in range(2)]
    assert all(result.passed for result in results)
    assert results[0].reference.recorded_tensors == 0
    assert results[0].reference.description.startswith("graph run by TensorFlow 2.")
    assert results[0].inputs_sha256 == results[1].inputs_sha256
