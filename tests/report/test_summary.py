"""The verdict in sentences: true at every level, the first row of each that failed first."""

from __future__ import annotations

import dataclasses

import pytest

from slimfix.parity import Verdict
from slimfix.parity.rows import DomainParity, VariantParity
from slimfix.report.summary import describe_verdict


def verdict_of(result):
    return " ".join(describe_verdict(result))


def test_verdict_explained_states_the_reason(trained):
    assert verdict_of(trained) == (
        "The Keras model computes the same function as the original; the float32 error of some "
        "layers is over four times the original's own. "
        "1 of 6 layers round so much; the worst output is equivalent. "
        "Level L2, training mode, one step: all 6 layers and statistics are the same, some once a "
        "stated reason is taken out. "
        "Level L3, gradients: all 3 gradients are the same, with float32 errors like the "
        "original's own. "
        "Level L4, many optimizer steps: all 20 steps are the same, with float32 errors like the "
        "original's own. "
        "2 of 4 moving statistics take other values in a training step, for this reason: Keras "
        "moves towards the plain variance, slim's fused op towards N/(N-1) times it."
    )


def test_verdict_names_the_first_row_of_each_level_that_failed(astray):
    assert verdict_of(astray) == (
        "Level L2: the first layer that computes another function in training mode is "
        "'net__logits' (Dense, number 2 of 2 in data-flow order), tensor 'net/logits/out:0': "
        "float64 error 6.1e-03. 1 of 2 layers differ in training mode. "
        "Level L2: the first moving statistic that one training step moves otherwise is "
        "'net/bn2/moving_variance': float64 error 1.9e-03. 1 of 4 moving statistics differ. "
        "Level L3: the first gradient that differs is that of 'net/bn1/beta' (beta of layer "
        "'net__bn1'): float64 error 8.3e-03. 1 of 3 gradients differ. "
        "Level L4: the first optimizer step that differs is number 5 of 20: float64 error of the "
        "loss 1.5e-02, of the weight 'net/conv2/weights' 1.5e-02. "
        "In inference (L1) the Keras model computes the same function as the original; the float32 "
        "error of some layers is over four times the original's own. "
        "1 of 6 layers round so much; the worst output is equivalent. "
        "1 of 4 moving statistics take other values in a training step, for this reason: Keras "
        "moves towards the plain variance, slim's fused op towards N/(N-1) times it."
    )


@pytest.mark.parametrize("broken", ["training", "statistics", "gradients", "trajectory"])
def test_one_level_that_failed_alone_is_named(trained, astray, broken):
    parts = {broken: getattr(astray.parity, broken)}
    result = dataclasses.replace(trained, parity=dataclasses.replace(trained.parity, **parts))
    text = verdict_of(result)
    level = {"training": "L2", "statistics": "L2", "gradients": "L3", "trajectory": "L4"}[broken]
    assert text.startswith(f"Level {level}: the first ")
    # The levels that passed still say so.
    assert f"Level {level}, " not in text
    assert [f"Level {other}, " in text for other in ("L2", "L3", "L4") if other != level] == [
        True,
        True,
    ]


def test_a_level_with_nothing_to_compare_says_so(trained):
    parity = dataclasses.replace(trained.parity, gradients=())
    text = verdict_of(dataclasses.replace(trained, parity=parity))
    assert "Level L3, gradients: there are no gradients to compare." in text


def test_verdict_of_a_failure_names_the_first_difference_first(failing):
    scope = "InceptionResnetV2/Repeat_1/block17_19/Branch_1/Conv2d_0c_7x1/BatchNorm/end"
    assert verdict_of(failing) == (
        f"The first layer that computes another function is '{scope.replace('/', '__')}' "
        f"(BatchNormalization, number 3 of 6 in data-flow order), tensor '{scope}/out:0': "
        "float64 error 4.1e-02. 3 of 6 layers differ in float64. "
        "2 of 7 weights read back from the Keras file do not have the checkpoint's bits. "
        "1 of 23 settings read back from the Keras file are not as planned. "
        "1 variable of the checkpoint unaccounted for."
    )


USUAL = VariantParity((("x:0", (2, 8, 8, 3)),), ("-3 to 4",), Verdict.EQUIVALENT)
ONE = VariantParity((("x:0", (1, 9, 7, 3)),), ("0 to 255",), Verdict.EQUIVALENT)


def with_variant(result, variant):
    domain = DomainParity((USUAL, variant), 7)
    return dataclasses.replace(result, parity=dataclasses.replace(result.parity, domain=domain))


def test_verdict_says_what_was_tried(passing):
    assert verdict_of(with_variant(passing, ONE)).endswith(
        "Compared: every layer on [2,8,8,3] -3 to 4; and, drawn with seed 7, on [1,9,7,3] 0 to "
        "255. What it does on inputs of other kinds is not known."
    )


def test_verdict_names_the_inputs_that_differ(passing):
    row = dataclasses.replace(
        passing.parity.layers[1], function_error=0.5, verdict=Verdict.DIFFERENT
    )
    wrong = dataclasses.replace(ONE, verdict=Verdict.DIFFERENT, layer=row)
    text = verdict_of(with_variant(passing, wrong))
    assert text.startswith(
        "On [1,9,7,3] 0 to 255 the model computes another function, on other inputs the same. The "
        "first layer that differs there is 'net__conv1'"
    )
    assert "Compared" not in text and "same function as" not in text


def test_verdict_explains_a_batch_that_is_squeezed_away(passing):
    odd = dataclasses.replace(ONE, verdict=Verdict.EXPLAINED, cause="it is squeezed")
    assert "On [1,9,7,3] 0 to 255: it is squeezed." in verdict_of(with_variant(passing, odd))


def test_verdict_says_of_what_dtype_an_output_is(passing):
    layers = (
        *passing.parity.layers[:-1],
        dataclasses.replace(passing.parity.layers[-1], original_dtype="int64", keras_dtype="int32"),
    )
    result = dataclasses.replace(passing, parity=dataclasses.replace(passing.parity, layers=layers))
    tensor = layers[-1].tensor
    assert f"Output '{tensor}' is int32; in the original it is int64." in verdict_of(result)
