"""Results made by hand, every number and name distinct.

`passing` and `failing` have the levels L0 and L1 alone, `trained` passes all five, and `astray`
fails all that training adds.
"""

from __future__ import annotations

import dataclasses
import math

import pytest

from slimfix.migration.account import VariableFate
from slimfix.parity.result import ParityResult, Reference
from slimfix.parity.rows import (
    Diagnosis,
    LayerParity,
    SettingsParity,
    Spread,
    StatisticParity,
    StepParity,
    StructureParity,
    TrajectoryParity,
    Trial,
    WeightsParity,
)
from slimfix.parity.verdicts import Level, Verdict
from slimfix.report.result import MigrationResult

INPUTS_SHA256 = "3f7a" * 16
HOSTILE_SCOPE = "net/<script>alert(1)</script>&\"'"
FUSED_NOTE = (
    "slim's fused batch norm stores variance * N/(N-1) in moving_variance, Keras the plain one"
)
LONG_LAYER = "InceptionResnetV2__Repeat_1__block17_19__Branch_1__Conv2d_0c_7x1__BatchNorm__end"


def layer(name, kind, shape, errors, verdict, scale=1.25, scope=None):
    scope = scope or name.replace("__", "/")
    ulps = [error * 2**23 for error in errors[1:]]
    return LayerParity(name, scope, kind, f"{scope}/out:0", shape, scale, *errors, verdict, *ulps)


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
        structure=StructureParity(compared=9, different=()),
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
        proved="the same function as the original",
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


TRAINING = (
    layer(
        "net__conv1", "Conv2D", (8, 6, 5, 3), (1.2e-15, 2.1e-07, 2.6e-07), Verdict.EQUIVALENT, 3.75
    ),
    layer("net__logits", "Dense", (8, 10), (2.9e-15, 5.1e-07, 5.2e-07), Verdict.EQUIVALENT, 21.5),
)
NO_CORRECTION = "Keras moves towards the plain variance, slim's fused op towards N/(N-1) times it"
CAUSE = "channels nearly cancel out: the largest term is 310 times their sum"


def statistic(variable, numbers, errors, verdict, reason="", elements=240):
    stored, original, keras = (Spread(n - 0.25, n, n + 0.75) for n in numbers)
    weight = variable.rpartition("/")[0].replace("/", "__") + "/" + variable.rpartition("/")[2]
    return StatisticParity(
        variable, weight, stored, stored, original, keras, *errors, elements, verdict, reason
    )


STATISTICS = (
    statistic(
        "net/bn1/moving_mean", (-1.5, -1.4375, -1.4375), (1.4e-15, 1.4e-15), Verdict.EQUIVALENT
    ),
    statistic(
        "net/bn1/moving_variance", (2.5, 2.625, 2.5625), (0.0042, 1.6e-15), Verdict.EXPLAINED,
        NO_CORRECTION,
    ),
    statistic(
        "net/bn2/moving_mean", (0.5, 0.625, 0.625), (1.8e-15, 1.8e-15), Verdict.IDENTICAL,
        elements=None,
    ),
    statistic(
        "net/bn2/moving_variance", (4.5, 4.75, 4.6875), (0.0021, 3.4e-15), Verdict.EXPLAINED,
        NO_CORRECTION, elements=60,
    ),
)  # fmt: skip


def gradient(tensor, holder, kind, shape, errors, verdict=Verdict.EQUIVALENT):
    scope = holder.replace("__", "/")
    ulps = (3.25, 1234.0)
    return LayerParity(holder, scope, kind, tensor, shape, 0.875, *errors, verdict, *ulps, silent=2)


GRADIENTS = (
    gradient(
        "net/conv1/weights", "net__conv1", "kernel", (3, 2, 1, 4), (3.1e-15, 6.1e-07, 6.3e-07)
    ),
    gradient("net/bn1/beta", "net__bn1", "beta", (4,), (3.3e-15, 6.7e-07, 6.9e-07)),
    gradient("images:0", "images", "input", (8, 6, 5, 1), (3.7e-15, 7.1e-07, 7.3e-07)),
)


def step(number, verdict=Verdict.EQUIVALENT, off=0.0):
    return StepParity(
        step=number,
        loss=2.5 - number / 8,
        loss_errors=(number * 1.1e-15 + off, number * 1.3e-07, number * 1.7e-07 + off),
        weight_errors=(number * 2.1e-15 + off, number * 2.3e-07, number * 2.7e-07 + off),
        worst_weight=f"net/conv{number % 3}/weights",
        verdict=verdict,
    )


STEPS = tuple(step(number) for number in range(1, 21))
OPTIMIZER = "Momentum(learning_rate=0.01, momentum=0.9)"
LOSS = "the mean square of 'net/logits/out:0'"


@pytest.fixture
def trained(passing):
    """All five levels ran, and the moving variances differ for a stated reason."""
    layers = (
        *LAYERS[:2],
        dataclasses.replace(LAYERS[2], cause=CAUSE),
        dataclasses.replace(LAYERS[3], silent=3),
        *LAYERS[4:],
    )
    parity = dataclasses.replace(
        passing.parity,
        layers=layers,
        statistics=STATISTICS,
        training=TRAINING,
        gradients=GRADIENTS,
        trajectory=TrajectoryParity(OPTIMIZER, LOSS, STEPS),
        unmatched=("net/bn1/gone:0", "net/<u>/gone:0"),
    )
    return dataclasses.replace(
        passing,
        parity=parity,
        checksums={"out/model.keras": "5b2c" * 16, "runs/model.ckpt-100.index": "9e1d" * 16},
    )


@pytest.fixture
def astray(trained):
    """Inference is as it was; training goes another way from the epsilon of net/bn1 on."""
    different = Verdict.DIFFERENT
    training = (
        TRAINING[0],
        dataclasses.replace(
            TRAINING[1], function_error=0.0061, keras_error=0.0063, verdict=different
        ),
    )
    statistics = (
        *STATISTICS[:3],
        dataclasses.replace(STATISTICS[3], unexplained_error=0.0019, verdict=different, reason=""),
    )
    gradients = (
        GRADIENTS[0],
        dataclasses.replace(
            GRADIENTS[1], function_error=0.0083, keras_error=0.0087, verdict=different
        ),
        GRADIENTS[2],
    )
    steps = (*STEPS[:4], *(step(number, different, 0.003 * number) for number in range(5, 21)))
    trials = (
        Trial("epsilon 0.001 in place of 1e-05", 1.5e-15, True),
        Trial("gamma <s>left out</s>", 0.0057, False),
        Trial("another axis", math.inf, False),
    )
    parity = dataclasses.replace(
        trained.parity,
        training=training,
        statistics=statistics,
        gradients=gradients,
        trajectory=TrajectoryParity(OPTIMIZER, LOSS, steps),
        diagnosis=Diagnosis(Level.TRAINING, "net__logits", "net/logits/out:0", trials),
    )
    return dataclasses.replace(trained, parity=parity)
