"""Paths of migrate and verify_parity may be pathlib; the others stand in test_paths."""

import pathlib

import pytest

import slimfix
from slimfix.errors import UsageError

GOLDEN = pathlib.Path("tests/golden")
MICRO = GOLDEN / "micro/rank2_scale"


def test_migrate_and_verify(tmp_path):
    arguments = {"meta": MICRO / "model.ckpt.meta", "recording": MICRO / "recording.npz"}
    slimfix.migrate(MICRO / "model.ckpt", tmp_path / "out", **arguments)
    result = slimfix.verify_parity(
        tmp_path / "out" / "model.keras",
        MICRO / "model.ckpt",
        **arguments,
        output_dir=tmp_path / "report",
    )
    assert str(tmp_path / "report" / "parity.html") in result.files
    assert str(MICRO / "recording.npz") in result.checksums
    assert slimfix.verify_parity(tmp_path / "out").parity.passed


@pytest.mark.parametrize(
    "form", [{"frozen_graph": "frozen/frozen.pb"}, {"saved_model": "saved_model/served"}], ids=str
)
def test_other_forms(tmp_path, form):
    paths = {name: GOLDEN / "forms" / path for name, path in form.items()}
    assert slimfix.migrate(output_dir=tmp_path / "out", **paths).parity.passed


GOOD = str(MICRO / "model.ckpt")
BYTES = {
    "checkpoint": {"checkpoint": b"m"},
    "meta": {"checkpoint": GOOD, "meta": b"m"},
    "recording": {"checkpoint": GOOD, "recording": b"r.npz"},
    "frozen_graph": {"frozen_graph": b"m"},
    "saved_model": {"saved_model": b"m"},
    "output_dir": {"checkpoint": GOOD, "output_dir": b"out"},
}


@pytest.fixture(scope="module")
def model():
    import keras

    inputs = keras.Input([6])
    return keras.Model(inputs, keras.layers.Dense(4)(inputs))


@pytest.mark.parametrize("name", sorted(BYTES))
def test_bytes_are_refused(model, tmp_path, name):
    arguments = {"output_dir": tmp_path / "out", **BYTES[name]}
    for call in (slimfix.migrate, lambda **given: slimfix.verify_parity(model, **given)):
        with pytest.raises(UsageError, match=r"is a bytes; want a str or a pathlib\.Path"):
            call(**arguments)
    assert list(tmp_path.iterdir()) == []
