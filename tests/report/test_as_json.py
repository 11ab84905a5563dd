"""The JSON report: strict, complete, in a fixed order."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

import numpy as np

from slimfix.report import format_json

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "parity-report.md"


def refuse(token):
    raise AssertionError(f"not strict JSON: {token}")


def load(result):
    return json.loads(format_json(result), parse_constant=refuse)


def test_refuse_can_fail():
    try:
        json.loads("[NaN]", parse_constant=refuse)
    except AssertionError as error:
        assert str(error) == "not strict JSON: NaN"
    else:
        raise AssertionError("NaN was let through")


def test_head_of_a_pass(passing):
    document = load(passing)
    assert [document[key] for key in ("format", "passed", "verdict", "first_difference")] == [
        1,
        True,
        "degraded",
        None,
    ]
    assert document["source"] == {
        "checkpoint": "runs/model.ckpt-100",
        "meta": "runs/model.ckpt-100.meta",
        "inputs": {"images:0": "images", "mask:0": "mask_in"},
        "outputs": ["net/logits/out:0", "net/side/out:0"],
        "switches": {"is_training:0": False},
    }
    assert document["reference"] == {
        "description": "recorded by TensorFlow 1.15.5",
        "recorded_tensors": 11,
    }
    assert document["data"] == {"inputs_sha256": "3f7a" * 16, "samples": 8}
    assert document["versions"] == {"keras": "3.15.1", "numpy": "2.4.2", "tensorflow": "2.21.0"}
    assert document["files"] == {"out/model.keras": "the Keras model", "out/model.py": "its source"}


def test_head_of_a_failure(failing):
    document = load(failing)
    assert document["passed"] is False
    assert document["verdict"] == "different"
    assert document["first_difference"] == document["layers"][2]["tensor"]
    assert document["weights"] == {
        "compared": 7,
        "equal": 5,
        "different": [
            "'net/conv1/weights': 3 of 24 values differ",
            "'net/logits/<i>': 2 of 10 differ",
        ],
    }
    assert document["settings"] == {
        "compared": 23,
        "equal": 22,
        "different": ["'net__bn' momentum: planned 0.9; saved 0.99"],
    }


def test_counts_of_variables_close(failing):
    variables = load(failing)["variables"]
    assert (variables["total"], len(variables["fates"])) == (7, 7)
    assert variables["migrated"] + variables["left_out"] + variables["lost"] == 7
    assert variables["left_out_by_reason"] == {
        "optimizer state; a Keras optimizer starts anew": 2,
        "training step counter": 1,
    }
    assert [fate["fate"] for fate in variables["fates"]] == [
        "migrated",
        "left out",
        "left out",
        "migrated",
        "left out",
        "migrated",
        "lost",
    ]
    assert variables["fates"][3] == {
        "variable": "net/logits/biases",
        "shape": [10],
        "dtype": "float64",
        "role": "weight",
        "fate": "migrated",
        "weights": ["net__logits/bias", "again/bias"],
        "reason": "",
    }


def test_layers_keep_data_flow_order_and_all_digits(passing):
    layers = load(passing)["layers"]
    assert [row["output"] for row in layers] == [False, False, False, False, True, True]
    assert layers[1] == {
        "layer": "net__conv1",
        "scope": "net/conv1",
        "kind": "Conv2D",
        "tensor": "net/conv1/out:0",
        "shape": [8, 6, 5, 3],
        "output": False,
        "scale": 3.5,
        "function_error": 1.1e-15,
        "original_error": 2.2e-07,
        "keras_error": 2.4e-07,
        "verdict": "equivalent",
    }
    assert layers[0]["function_error"] == 0.0


def test_errors_that_are_not_finite_are_null(failing):
    row = load(failing)["layers"][3]
    assert (row["function_error"], row["original_error"], row["keras_error"]) == (
        None,
        4.1e-07,
        None,
    )


def test_notes_are_grouped(passing):
    assert load(passing)["notes"][1] == {
        "note": "no constant decay for '<scope>/moving_mean': momentum is 0.999",
        "scopes": ["net/bn1", "net/bn2"],
    }


def test_numpy_numbers_are_written_as_numbers(passing):
    row = dataclasses.replace(
        passing.parity.layers[4], shape=(np.int64(8), np.int64(10)), scale=np.float32(22.5)
    )
    parity = dataclasses.replace(passing.parity, layers=(row,))
    written = load(dataclasses.replace(passing, parity=parity))["layers"][0]
    assert (written["shape"], written["scale"]) == ([8, 10], 22.5)


def test_text_is_the_same_each_time_and_ascii(failing):
    text = format_json(failing)
    assert text == format_json(failing)
    assert text.isascii() and text.endswith("}\n")


def test_every_key_is_documented(failing):
    named = set(re.findall(r"\w+", DOCUMENT.read_text(encoding="utf-8")))
    document = load(failing)
    keys = {
        *document,
        *document["source"],
        *document["variables"],
        *document["weights"],
        *document["settings"],
    }
    keys |= {*document["variables"]["fates"][0], *document["layers"][0], *document["notes"][0]}
    keys |= {*document["reference"], *document["data"]}
    assert keys - named == set()
