"""One small network per family of ops, written and run by real TensorFlow 1.15.5, migrates.

tests/golden/make_op_nets.py made them; the recorded values are TensorFlow 1.15.5's own.
"""

import json
import pathlib

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import diff_parity, read_recording

FOLDER = pathlib.Path("tests/golden/op_nets")
# Which Keras layers and operations each net becomes, sorted: what it computes is not all of it.
KINDS = {
    "activations": "Activation ELU LeakyReLU ReLU Softmax",
    "activations_in_parts": (
        "Activation Maximum Multiply PReLU Permute ReLU Softmax add divide erf multiply"
    ),
    "arithmetic": (
        "Add GlobalAveragePooling2D Multiply ReLU Rescaling abs add divide divide_no_nan "
        "exp greater maximum minimum mod multiply negative power rsqrt square subtract "
        "where"
    ),
    "blocks": "Permute Reshape",
    "bytes_in": "Rescaling Reshape cast divide greater matmul multiply subtract",
    "atrous": "BatchNormalization Conv2D ReLU",
    "atrous_any_size": "Conv2D ReLU",
    "conv_padding": "Conv2D MaxPooling2D ZeroPadding2D",
    "dense_on_sequences": "Dense ReLU",
    "double_embeddings": "Dense Embedding Flatten",
    "doubles": "Conv2D Dense Embedding Flatten Multiply ReLU get_item zeros_like",
    "embeddings": "Add Dense Embedding Flatten",
    "grouped": "Conv2D ReLU",
    "in_plane": "Add Conv3D Embedding ReLU expand_dims get_item squeeze zeros_like",
    "matrices": "Dense Softmax matmul swapaxes",
    "one_axis": "Conv1D ReLU",
    "operands": "Add Embedding Maximum Multiply Subtract add get_item zeros_like",
    "separable": "DepthwiseConv2D ReLU SeparableConv2D",
    "transposed": "Conv2DTranspose Cropping2D ReLU",
    "transposed_any_size": "Conv2DTranspose ReLU",
    "volumes": "Conv3D Conv3DTranspose ReLU",
    "conv_pool_dense": "BatchNormalization Conv2D Dense Dropout Flatten MaxPooling2D ReLU",
    "counted_places": "Multiply add argmax cast equal floor_divide get_item multiply take",
    "layer_norms": "Flatten GroupNormalization LayerNormalization ReLU multiply",
    "local_response": "Multiply add matmul multiply power square",
    "norms_of_groups": "GroupNormalization sin",
    "padding": "ZeroPadding2D pad",
    "reductions": (
        "Add Flatten GlobalAveragePooling2D GlobalMaxPooling2D Subtract add divide exp "
        "get_item isfinite log max mean min prod sqrt square squeeze subtract sum where "
        "zeros_like"
    ),
    "reshapes": (
        "Flatten GlobalMaxPooling2D Permute Reshape Softmax expand_dims get_item reshape "
        "squeeze transpose"
    ),
    "resizing": "Add AveragePooling2D Reshape UpSampling2D add matmul take",
    "sample_norms": "ELU GroupNormalization",
    "slices": "Concatenate get_item split stack take tile unstack",
    "unit_norms": "Multiply add divide maximum rsqrt sqrt square sum tile",
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
    result = diff_parity(path, migration, recording)
    assert result.passed, result.first_difference
    kinds = {record.target.partition(".")[2] for record in migration.plan.layers}
    assert " ".join(sorted(kinds)) == KINDS[name]
