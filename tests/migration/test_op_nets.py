"""One small network per family of ops, written and run by real TensorFlow 1.15.5, migrates.

tests/golden/make_op_nets.py made them; the recorded values are TensorFlow 1.15.5's own.
"""

import json
import pathlib

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import read_recording, verify_parity

FOLDER = pathlib.Path("tests/golden/op_nets")
# Which Keras layers and operations each net becomes, sorted: what it computes is not all of it.
KINDS = {
    "atrous": "",
    "atrous_any_size": "",
    "conv_padding": "",
    "dense_on_sequences": "",
    "double_embeddings": "",
    "doubles": "",
    "embeddings": "",
    "grouped": "",
    "in_plane": "",
    "matrices": "",
    "one_axis": "",
    "operands": "",
    "separable": "",
    "transposed": "",
    "transposed_any_size": "",
    "volumes": "",
    "conv_pool_dense": "BatchNormalization Conv2D Dense Dropout Flatten MaxPooling2D ReLU",
}


def test_every_net_is_tested():
    assert sorted(KINDS) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_net_of_tensorflow_1_migrates(name, tmp_path):
    recording = read_recording(str(FOLDER / name / "recording.npz"))
    with np.load(FOLDER / name / "recording.npz") as file:
        header = json.loads(str(file["recording"]))
    migration = convert(
        str(FOLDER / name / "model.ckpt"), inputs=header["inputs"], outputs=header["outputs"]
    )
    path = str(tmp_path / "model.keras")
    run_eagerly(migration.model.save, path)
    result = verify_parity(path, migration, recording)
    assert result.passed, result.first_difference
    kinds = {record.target.partition(".")[2] for record in migration.plan.layers}
    assert " ".join(sorted(kinds)) == KINDS[name]
