"""Batch norm through slimfix.slim does, case by case, what TensorFlow 1.15.5 recorded."""

import batch_norm_cases as cases
import numpy as np
import pytest

from slimfix import slim

RECORDING = "tests/golden/behaviour.npz"


@pytest.fixture(scope="module")
def recorded():
    with np.load(RECORDING) as file:
        return {name: file[name] for name in file.files}


def of_case(recorded, case):
    head = case + "/"
    found = {name[len(head) :]: value for name, value in recorded.items() if name.startswith(head)}
    # 'core/bool' is also the head of 'core/bool/reuse'.
    return {name: value for name, value in found.items() if not name.startswith("reuse/")}


def mismatches(found, wanted):
    """What differs: names on one side only, and values that rounding does not explain.

    Both sides are float32 and of order one to a hundred; summing 60 numbers in another order
    moves the last bits, and the gradient of a normalisation cancels most of them.
    """
    wrong = sorted(set(found) ^ set(wanted))
    for name in sorted(set(found) & set(wanted)):
        if wanted[name].dtype.kind != "f":
            same = np.array_equal(found[name], wanted[name])
        else:
            scale = max(1.0, np.abs(wanted[name]).max())
            same = np.allclose(found[name], wanted[name], rtol=0, atol=4e-6 * scale)
        if not same:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("case", cases.CASES)
def test_trains_as_tensorflow_1_15_did(graph, variable_kind, recorded, case):
    wanted = of_case(recorded, case)
    assert len(wanted) >= 12
    assert mismatches(cases.run_case(slim, case), wanted) == []


def test_the_cases_cover_every_path_switch_and_layout():
    assert len(cases.CASES) == len(set(cases.CASES)) == 54
    assert {case.split("/")[1] for case in cases.CASES} == {"bool", "placeholder", "variable"}


def test_updates_are_counted_by_path(recorded):
    counts = {case: int(recorded[f"{case}/update_ops"]) for case in cases.CASES}
    assert counts["core/placeholder"] == counts["fused_rank2/bool"] == 2
    assert counts["core/placeholder/reuse"] == 4
    assert counts["fused_updates_none/placeholder"] == counts["legacy_updates_none/bool"] == 0


@pytest.mark.parametrize(
    ("case", "name", "change"),
    [
        ("core/bool", "step1/statistic/bn/moving_variance", 60 / 59),
        ("core/bool", "step5/statistic/bn/moving_mean", 1.0001),
        ("legacy/bool", "step1/gradient/bn/gamma", 1.0001),
        ("renorm/placeholder", "inference", 1.0001),
        ("fused_rank2/bool", "update_ops", 2),
    ],
)
def test_the_comparison_can_fail(recorded, case, name, change):
    wanted = of_case(recorded, case)
    changed = dict(wanted, **{name: wanted[name] * change})
    assert mismatches(changed, wanted) == [name]
    lost = {key: value for key, value in wanted.items() if key != name}
    assert mismatches(lost, wanted) == [name]
