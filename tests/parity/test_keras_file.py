"""A `.keras` file is data: it is refused where loading it would run code or fill the memory."""

import io
import json
import pathlib
import re
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.migration.eager import run_eagerly
from slimfix.parity.keras_file import check_keras_file, load_keras_file


def small_model():
    inputs = keras.Input([5], name="x")
    net = keras.layers.Dense(3, name="hidden")(inputs)
    net = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(net))
    return keras.Model(inputs, keras.layers.Dense(2, name="last")(net))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("keras") / "model.keras")
    run_eagerly(lambda: small_model().save(path))
    return path


@pytest.fixture
def changed(whole, tmp_path):
    """Writes the file with one member changed; gives its path."""

    def change(member, with_it):
        with zipfile.ZipFile(whole) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        content = with_it(members.pop(member))
        with zipfile.ZipFile(tmp_path / "changed.keras", "w") as archive:
            for name, inner in members.items():
                archive.writestr(name, inner)
            if content is not None:
                archive.writestr(member, content)
        return str(tmp_path / "changed.keras")

    return change


def refusal(path):
    with pytest.raises(UsageError) as caught:
        run_eagerly(load_keras_file, path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"Keras cannot load '{path}':"
    return lines[1].strip()


def with_layer(name="hidden", config=(), **keys):
    """Returns what gives a layer another description."""

    def change(content):
        whole = json.loads(content)
        for layer in whole["config"]["layers"]:
            if layer["config"]["name"] == name:
                layer.update(keys)
                layer["config"].update(config)
        return json.dumps(whole)

    return change


def with_weights(work):
    """Returns what works on the HDF5 file."""

    def change(content):
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "r+") as file:
            work(file)
        return buffer.getvalue()

    return change


def test_a_whole_file_is_loaded(whole):
    before = run_eagerly(lambda: keras.models.load_model(whole).get_weights())
    after = run_eagerly(lambda: load_keras_file(whole).get_weights())
    for a, b in zip(before, after):
        np.testing.assert_array_equal(a, b)


def test_a_layer_larger_than_the_file_is_not_made(changed):
    path = changed("config.json", with_layer("last", {"units": 10**12}))
    assert re.fullmatch(
        r"'config.json' describes 4\d{12} weights; 'model.weights.h5' has \d+ bytes", refusal(path)
    )


def test_a_large_layer_among_others_that_do_not_fit_is_not_made_either(changed):
    path = changed("config.json", with_layer(config={"units": 10**12}))
    assert "ResourceExhausted" not in refusal(path)
    assert "batch_normalization" in refusal(path)


def test_a_lambda_is_not_loaded(changed):
    function = {"class_name": "__lambda__", "config": {"code": "eA==", "defaults": None}}
    path = changed("config.json", with_layer(class_name="Lambda", config={"function": function}))
    assert "ambda" in refusal(path)


def test_no_module_is_imported_that_a_file_names(changed, tmp_path, monkeypatch):
    (tmp_path / "smuggled.py").write_text("class Own: pass")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = changed(
        "config.json", with_layer(module="smuggled", class_name="Own", registered_name="Own")
    )
    assert refusal(path).startswith("'Own' of module 'smuggled' is not Keras's, and was not reg")
    assert "smuggled" not in sys.modules


def test_a_registered_class_is_loaded(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Own(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2

    def save():
        inputs = keras.Input([5])
        keras.Model(inputs, Own()(keras.layers.Dense(2)(inputs))).save(tmp_path / "own.keras")

    run_eagerly(save)
    model = run_eagerly(load_keras_file, str(tmp_path / "own.keras"))
    assert type(model.layers[-1]) is Own


def test_a_weight_larger_than_the_file_is_not_read(changed):
    def enlarge(file):
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", (2**40,), "f4", chunks=(2**20,))

    path = changed("model.weights.h5", with_weights(enlarge))
    assert "'layers/dense/vars/0' is [1099511627776] float32; the file has" in refusal(path)


@pytest.mark.parametrize("way", ["link", "data"])
def test_a_weight_in_another_file_is_not_read(changed, tmp_path, way):
    (tmp_path / "secret").write_bytes(np.arange(15, dtype=np.float32).tobytes())

    def lead_outside(file):
        del file["layers/dense/vars/0"]
        if way == "link":
            file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "secret"), "/x")
        else:
            outside = str(tmp_path / "secret")
            file.create_dataset("layers/dense/vars/0", (5, 3), "f4", external=outside)

    path = changed("model.weights.h5", with_weights(lead_outside))
    assert refusal(path) == "'model.weights.h5': 'layers/dense/vars/0' lies in another file"


def test_no_step_back_is_made_in_the_archive(whole, monkeypatch):
    """Up to Python 3.12 each one reads the member from its first byte on."""

    def refuse(*_):
        raise AssertionError("a seek in a member")

    monkeypatch.setattr(zipfile.ZipExtFile, "seek", refuse)
    run_eagerly(check_keras_file, whole)
    archive = zipfile.ZipFile(whole)
    with archive, archive.open("model.weights.h5") as member, pytest.raises(AssertionError):
        h5py.File(member, "r")  # Sabotage: h5py does seek.


def test_damage_is_told_in_the_words_of_who_saw_it(changed, whole, tmp_path):
    assert refusal(changed("config.json", lambda _: b"{")).startswith("JSONDecodeError: ")
    assert refusal(changed("config.json", lambda _: None)).startswith("no 'config.json' in it; ")
    assert "signature not found" in refusal(changed("model.weights.h5", lambda _: b"no HDF5"))
    short = with_weights(lambda file: file.__delitem__("layers/dense/vars/1"))
    assert "hidden" in refusal(changed("model.weights.h5", short))
    content = bytearray(pathlib.Path(whole).read_bytes())
    content[content.index(b"\x89HDF") + 700] ^= 1
    (tmp_path / "bits.keras").write_bytes(content)
    assert refusal(str(tmp_path / "bits.keras")) == "'model.weights.h5': its checksum is wrong"
