"""The books close for real networks, and each way in which they may not is an error."""

import dataclasses
import re

import pytest

from slimfix import names
from slimfix.errors import MigrationError
from slimfix.migration import convert
from slimfix.migration.account import VariableFate
from slimfix.migration.ledger import FATES, close_books, fate_of, owner_of

DIGITS = "tests/golden/digits/good/model.ckpt"


@pytest.fixture(scope="module")
def digits():
    return convert(DIGITS)


def close(migration, variables=None, plan=None):
    return close_books(
        migration.variables if variables is None else variables,
        plan or migration.plan,
        migration.model,
        migration.checkpoint.variables,
    )


def test_the_counts_of_the_digits_net(digits):
    account = close(digits)
    assert tuple(account.counts) == FATES
    assert account.counts == {
        "migrated": 19,
        "optimizer slot": 13,
        "shadow": 0,
        "step": 1,
        "unused": 0,
        "lost": 0,
    }
    assert sum(account.counts.values()) == len(digits.checkpoint.variables) == 33
    kernel = account.weights[0]
    assert (kernel.weight, kernel.variable) == ("digits__conv1/kernel", "digits/conv1/weights")
    assert (kernel.shape, kernel.dtype) == ((3, 2, 1, 12), "float32")
    assert (kernel.permutation, kernel.reshaped) == ((), False)
    slots = [v for v in account.variables if v.role == "optimizer slot"]
    assert owner_of(slots[0], digits.checkpoint.variables) == "digits/conv1/BatchNorm/beta"


def test_a_moved_and_a_reshaped_weight_say_so(digits):
    (dense,) = [layer for layer in digits.plan.layers if layer.name == "digits__logits"]
    kernel = dataclasses.replace(dense.weights[0], permutation=(1, 0))
    layers = [
        dataclasses.replace(layer, weights=(kernel, *layer.weights[1:]))
        if layer is dense
        else layer
        for layer in digits.plan.layers
    ]
    account = close(digits, plan=dataclasses.replace(digits.plan, layers=tuple(layers)))
    (source,) = [s for s in account.weights if s.weight == "digits__logits/kernel"]
    assert (source.permutation, source.reshaped) == ((1, 0), True)


@pytest.mark.parametrize(
    ("sabotage", "item"),
    [
        (lambda fates: fates[1:], "'digits/conv1/BatchNorm/beta': no fate"),
        (lambda fates: (*fates, fates[3]), "conv1/BatchNorm/moving_variance': 2 fates"),
        (
            lambda fates: (dataclasses.replace(fates[1], reason=""), *fates[:1], *fates[2:]),
            "'digits/conv1/BatchNorm/beta/Momentum': no fate",
        ),
        (
            lambda fates: (*fates, VariableFate("new", (2,), "float32", "weight", (), "unused")),
            "'new': not in the checkpoint",
        ),
        (
            lambda fates: (dataclasses.replace(fates[0], weights=("x/y",)), *fates[1:]),
            "Keras 'digits__conv1__BatchNorm/beta': filled by no variable",
        ),
        (
            lambda fates: (dataclasses.replace(fates[0], weights=("x/y",)), *fates[1:]),
            "Keras 'x/y': has a variable, but is not in the model",
        ),
        (
            lambda fates: (*fates[:2], dataclasses.replace(fates[2], weights=fates[0].weights),
                           *fates[3:]),
            "filled by 'digits/conv1/BatchNorm/beta', 'digits/conv1/BatchNorm/moving_mean'",
        ),
    ],
)  # fmt: skip
def test_books_that_do_not_close_are_refused(digits, sabotage, item):
    with pytest.raises(MigrationError, match=re.escape(item)) as caught:
        close(digits, variables=sabotage(digits.variables))
    assert "The account of variables and weights does not close: " in str(caught.value)
    assert "Fix: report it" in str(caught.value)


def test_a_planned_layer_that_is_not_in_the_model_is_refused(digits):
    layers = [
        dataclasses.replace(layer, name="gone") if layer.name == "digits__conv1" else layer
        for layer in digits.plan.layers
    ]
    with pytest.raises(MigrationError, match="Keras 'gone/kernel': planned, but not in the model"):
        close(digits, plan=dataclasses.replace(digits.plan, layers=tuple(layers)))


@pytest.mark.parametrize(
    ("name", "role", "reason", "fate", "owner"),
    [
        ("w/Adam", "optimizer slot", "r", "optimizer slot", "w"),
        ("beta1_power", "optimizer slot", "r", "optimizer slot", ""),
        ("v/ExponentialMovingAverage", names.Role.SHADOW.value, "r", "shadow", "v"),
        ("global_step", "step", "r", "step", ""),
        ("w", "weight", "not read", "unused", ""),
        ("w", "weight", "", "lost", ""),
    ],
)
def test_fates_and_owners(name, role, reason, fate, owner):
    variable = VariableFate(name, (2, 3), "float32", role, (), reason)
    assert fate_of(variable) == fate
    assert owner_of(variable, {"w", name}) == owner
