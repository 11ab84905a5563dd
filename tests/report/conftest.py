"""Two results made by hand, every number and name distinct: one that passed and one that failed."""

from __future__ import annotations

import dataclasses
import math

import pytest

from slimfix.migration.account import VariableFate
from slimfix.parity.result import (
    LayerParity,
    ParityResult,
    Reference,
    SettingsParity,
    Verdict,
    WeightsParity,
)
from slimfix.report.result import MigrationResult

INPUTS_SHA256 = "3f7a" * 16
HOSTILE_SCOPE = "net/<script>alert(1)</script>&\"'"
FUSED_NOTE = (
    "slim's fused batch norm stores variance * N/(N-1) in moving_variance, Keras the plain one"
)
LONG_LAYER = "InceptionResnetV2__Repeat_1__block17_19__Branch_1__Conv2d_0c_7x1__BatchNorm__end"


def layer(name, kind, shape, errors, verdict, scale=1.25, scope=None):
    scope = scope or name.replace("__", "/")
    return LayerParity(name, scope, kind, f"{scope}/out:0", shape, scale, *errors, verdict)


DEGRADED = Verdict.DEGRADED
LAYERS = (
    layer("net__flat", "Flatten", (8, 65), (0.0, 0.0, 0.0), Verdict.IDENTICAL, 16.0),
    layer(
        "net__conv1", "Conv2D", (8, 6, 5, 3), (1.1e-15, 2.2e-07, 2.4e-07), Verdict.EQUIVALENT, 3.5
    ),
    layer(
        LONG_LAYER, "BatchNormalization", (8, 6, 5, 4), (1.3e-15, 3.1e-07, 6.3e-05), DEGRADED
    ),
    layer(
        "net__hostile", "Activation", (8, 7), (1.7e-15, 4.1e-07, 3.9e-07), Verdict.EQUIVALENT,
        scope=HOSTILE_SCOPE,
    ),
    layer("net__logits", "Dense", (8, 10), (1.9e-15, 5.3e-07, 5.9e-07), Verdict.EQUIVALENT, 22.5),
    layer("net__side", "Dense", (8, 9), (2.3e-15, 5.7e-07, 6.1e-07), Verdict.EQUIVALENT, 7.25),
)  # fmt: skip


def fates():
    slots = "optimizer state; a Keras optimizer starts anew"
    return (
        VariableFate(
            "net/conv1/weights", (3, 2, 1, 4), "float32", "weight", ("net__conv1/kernel",), ""
        ),
        VariableFate(
            "net/conv1/weights/Momentum", (3, 2, 1, 4), "float32", "optimizer slot", (), slots
        ),
        VariableFate("net/conv1/<b>/Momentum", (5,), "float32", "optimizer slot", (), slots),
        VariableFate(
            "net/logits/biases", (10,), "float64", "weight", ("net__logits/bias", "again/bias"), ""
        ),
        VariableFate("global_step", (), "int64", "step", (), "training step counter"),
        VariableFate(
            "net/logits/weights", (65, 10), "float32", "weight", ("net__logits/kernel",), ""
        ),
    )


@pytest.fixture
def passing():
    parity = ParityResult(
        weights=WeightsParity(compared=7, different=()),
        settings=SettingsParity(compared=23, different=()),
        layers=LAYERS,
        outputs=("net/logits/out:0", "net/side/out:0"),
        reference=Reference("recorded by TensorFlow 1.15.5", 11),
        inputs_sha256=INPUTS_SHA256,
        samples=8,
        versions={"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.2"},
    )
    return MigrationResult(
        checkpoint="runs/model.ckpt-100",
        meta="runs/model.ckpt-100.meta",
        inputs={"images:0": "images", "mask:0": "mask_in"},
        outputs=parity.outputs,
        switches={"is_training:0": False},
        variables=fates(),
        notes=(
            f"net/bn1: {FUSED_NOTE}",
            "net/bn1: no constant decay for 'net/bn1/moving_mean': momentum is 0.999",
            f"net/bn2: {FUSED_NOTE}",
            "net/bn2: no constant decay for 'net/bn2/moving_mean': momentum is 0.999",
            f"{HOSTILE_SCOPE}: the graph computes the dropout rate; it is 0 here",
        ),
        parity=parity,
        files={"out/model.keras": "the Keras model", "out/model.py": "its source"},
    )


@pytest.fixture
def failing(passing):
    """From the third layer on another function, two weights wrong, one variable lost."""
    layers = (
        *LAYERS[:2],
        dataclasses.replace(
            LAYERS[2], function_error=0.041, keras_error=0.043, verdict=Verdict.DIFFERENT
        ),
        dataclasses.replace(
            LAYERS[3], function_error=math.nan, keras_error=math.inf, verdict=Verdict.DIFFERENT
        ),
        dataclasses.replace(
            LAYERS[4], function_error=0.37, keras_error=0.38, verdict=Verdict.DIFFERENT
        ),
        LAYERS[5],
    )
    different = ("'net/conv1/weights': 3 of 24 values differ", "'net/logits/<i>': 2 of 10 differ")
    parity = dataclasses.replace(
        passing.parity,
        layers=layers,
        weights=WeightsParity(7, different),
        settings=SettingsParity(23, ("'net__bn' momentum: planned 0.9; saved 0.99",)),
    )
    lost = VariableFate("net/gone/gamma", (4,), "float32", "weight", (), "")
    return dataclasses.replace(passing, parity=parity, variables=(*fates(), lost))
