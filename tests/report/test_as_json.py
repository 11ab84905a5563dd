"""The JSON report: strict, complete, in a fixed order."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

import numpy as np

from slimfix.parity.verdicts import Verdict
from slimfix.report import format_json

NO_CORRECTION = "Keras moves towards the plain variance, slim's fused op towards N/(N-1) times it"
CAUSE = "channels nearly cancel out: the largest term is 310 times their sum"
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
        "original_ulps": 2.2e-07 * 2**23,
        "keras_ulps": 2.4e-07 * 2**23,
        "silent": 0,
        "dtypes": {"original": "float32", "keras": "float32"},
        "verdict": "equivalent",
        "cause": "",
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


def test_levels_that_did_not_run_are_null(passing):
    document = load(passing)
    assert [*document["levels"]] == ["L0", "L1", "L2", "L3", "L4"]
    assert document["levels"]["L0"] == {
        "compared": 39,
        "noun": "parts",
        "worst": 0.0,
        "passed": True,
        "verdict": "identical",
    }
    nothing = [document["levels"][level] for level in ("L2", "L3", "L4")]
    nothing += [document[key] for key in ("training", "gradients", "trajectory", "diagnosis")]
    assert nothing == [None] * 7
    assert (document["statistics"], document["unmatched"], document["checksums"]) == ([], [], {})


def test_all_levels(trained, astray):
    levels = load(trained)["levels"]
    assert levels["L2"] == {
        "compared": 6,
        "noun": "layers and statistics",
        "worst": 3.4e-15,
        "passed": True,
        "verdict": "explained",
    }
    assert (load(trained)["verdict"], load(trained)["passed"]) == ("explained", True)
    levels = load(astray)["levels"]
    assert [level["passed"] for level in levels.values()] == [True, True, False, False, False]


def test_statistics_before_and_after(trained):
    rows = load(trained)["statistics"]
    assert rows[1] == {
        "variable": "net/bn1/moving_variance",
        "weight": "net__bn1/moving_variance",
        "stored": {"low": 2.25, "mean": 2.5, "high": 3.25},
        "loaded": {"low": 2.25, "mean": 2.5, "high": 3.25},
        "original_after": {"low": 2.375, "mean": 2.625, "high": 3.375},
        "keras_after": {"low": 2.3125, "mean": 2.5625, "high": 3.3125},
        "function_error": 0.0042,
        "unexplained_error": 1.6e-15,
        "elements": 240,
        "verdict": "explained",
        "reason": NO_CORRECTION,
    }
    assert [row["elements"] for row in rows] == [240, 240, None, 60]


def test_statistics_without_a_step_have_null_after_it(trained):
    row = dataclasses.replace(
        trained.parity.statistics[0],
        original_after=None,
        keras_after=None,
        function_error=None,
        unexplained_error=None,
    )
    parity = dataclasses.replace(trained.parity, statistics=(row,))
    written = load(dataclasses.replace(trained, parity=parity))["statistics"][0]
    assert [key for key, value in written.items() if value is None] == [
        "original_after",
        "keras_after",
        "function_error",
        "unexplained_error",
    ]


def test_training_gradients_and_steps(trained):
    document = load(trained)
    assert [row["layer"] for row in document["training"]] == ["net__conv1", "net__logits"]
    assert document["training"][1]["function_error"] == 2.9e-15
    gradient = document["gradients"][1]
    assert (gradient["tensor"], gradient["kind"], gradient["silent"]) == ("net/bn1/beta", "beta", 2)
    assert (gradient["original_ulps"], gradient["keras_ulps"]) == (3.25, 1234.0)
    trajectory = document["trajectory"]
    assert trajectory["optimizer"] == "Momentum(learning_rate=0.01, momentum=0.9)"
    assert trajectory["loss"] == "the mean square of 'net/logits/out:0'"
    assert len(trajectory["steps"]) == 20
    assert trajectory["steps"][0] == {
        "step": 1,
        "loss": 2.375,
        "loss_errors": {
            "function_error": 1.1e-15,
            "original_error": 1.3e-07,
            "keras_error": 1.7e-07,
        },
        "weight_errors": {
            "function_error": 2.1e-15,
            "original_error": 2.3e-07,
            "keras_error": 2.7e-07,
        },
        "worst_weight": "net/conv1/weights",
        "verdict": "equivalent",
    }


def test_what_was_tried(astray):
    document = load(astray)
    assert document["diagnosis"] == {
        "level": "L2",
        "layer": "net__logits",
        "tensor": "net/logits/out:0",
        "trials": [
            {"hypothesis": "epsilon 0.001 in place of 1e-05", "error": 1.5e-15, "fits": True},
            {"hypothesis": "gamma <s>left out</s>", "error": 0.0057, "fits": False},
            {"hypothesis": "another axis", "error": None, "fits": False},
        ],
    }
    assert document["first_difference"] == "net/logits/out:0"
    assert document["unmatched"] == ["net/bn1/gone:0", "net/<u>/gone:0"]
    assert document["layers"][2]["cause"] == CAUSE
    assert document["layers"][3]["silent"] == 3


def test_checksums(trained):
    assert load(trained)["checksums"] == {
        "out/model.keras": "5b2c" * 16,
        "runs/model.ckpt-100.index": "9e1d" * 16,
    }


def keys_of(value):
    """Every key at any depth, but for those of objects whose keys are names of the user's."""
    named = {"inputs", "switches", "left_out_by_reason", "files", "versions", "checksums"}
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item)}
    if isinstance(value, dict):
        below = (keys_of(item) for key, item in value.items() if key not in named)
        return {*value, *(key for found in below for key in found)}
    return set()


def undocumented(document, text):
    return keys_of(document) - set(re.findall(r"\w+", text))


def test_every_key_is_documented(failing, astray):
    text = DOCUMENT.read_text(encoding="utf-8")
    assert undocumented(load(failing), text) | undocumented(load(astray), text) == set()


def test_an_undocumented_key_is_found(astray):
    text = DOCUMENT.read_text(encoding="utf-8").replace("worst_weight", "")
    assert undocumented(load(astray), text) == {"worst_weight"}


def test_every_verdict_is_documented():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [verdict.value for verdict in Verdict if f"| `{verdict.value}` |" not in text] == []
