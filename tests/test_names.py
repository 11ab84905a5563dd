"""slimfix.names: the role of a name, tensor names, near names."""

import pytest

from slimfix import names
from slimfix.names import Role

VARIABLES = [
    "conv/weights",
    "conv/weights/Momentum",
    "conv/weights/Adam_1",
    "conv/weights/ExponentialMovingAverage",
    "conv/BatchNorm/moving_mean",
    "conv/BatchNorm/conv/BatchNorm/moving_mean/biased",
    "conv/BatchNorm/renorm_stddev_weight",
    "Momentum/Momentum",
    "beta1_power",
    "D/beta2_power_1",
    "global_step",
    "moving_mean_of_prices",
]


@pytest.mark.parametrize(
    "variable, role",
    [
        ("conv/weights", Role.WEIGHT),
        ("conv/weights/Momentum", Role.OPTIMIZER_SLOT),
        ("conv/weights/Adam_1", Role.OPTIMIZER_SLOT),
        ("conv/weights/ExponentialMovingAverage", Role.SHADOW),
        ("conv/BatchNorm/moving_mean", Role.MOVING_STATISTIC),
        ("conv/BatchNorm/conv/BatchNorm/moving_mean/biased", Role.MOVING_STATISTIC),
        ("conv/BatchNorm/renorm_stddev_weight", Role.MOVING_STATISTIC),
        ("Momentum/Momentum", Role.WEIGHT),  # No variable 'Momentum' that it could be a slot of.
        ("beta1_power", Role.OPTIMIZER_SLOT),
        ("D/beta2_power_1", Role.OPTIMIZER_SLOT),
        ("global_step", Role.STEP),
        ("moving_mean_of_prices", Role.WEIGHT),
    ],
)
def test_role_of(variable, role):
    assert names.role_of(variable, VARIABLES) is role


@pytest.mark.parametrize(
    "tensor, parts", [("a/b:2", ("a/b", 2)), ("a/b", ("a/b", 0)), ("a/b:0", ("a/b", 0))]
)
def test_split_tensor_name(tensor, parts):
    assert names.split_tensor_name(tensor) == parts


def test_join_tensor_name_keeps_output_zero():
    assert names.join_tensor_name("a/b", 0) == "a/b:0"


def test_scopes():
    assert names.parent_scope("a/b/c") == "a/b"
    assert names.parent_scope("c") == ""
    assert names.last_part("a/b/c") == "c"


@pytest.mark.parametrize(
    "node, inside",
    [
        ("gradients/conv/Conv2D_grad/Shape", True),
        ("tower/gradients_1/AddN", True),
        ("my_gradients/AddN", False),
        ("gradients", False),
    ],
)
def test_in_gradients_scope(node, inside):
    assert names.in_gradients_scope(node) is inside


def test_near_names_are_ordered_and_few():
    candidates = ["conv1/weights", "conv2/weights", "logits/biases"]
    assert names.near_names("conv1/weight", candidates, count=1) == ["conv1/weights"]
    assert names.near_names("zzz", candidates) == []


@pytest.mark.parametrize(
    "variable, whole",
    [("bn/beta/part_12", "bn/beta"), ("bn/part_1/beta", "bn/part_1/beta"), ("part_0", "part_0")],
)
def test_whole_name(variable, whole):
    assert names.whole_name(variable) == whole


def test_scopes_of():
    assert names.scopes_of("net/conv1/weights") == ["net", "net/conv1"]
    assert names.scopes_of("weights") == []


@pytest.mark.parametrize(
    "variable, scope, inside",
    [
        ("conv1/weights", "conv1", True),
        ("conv1/weights", "conv1/", True),
        ("conv1/weights", "conv1/weights", True),
        ("conv10/weights", "conv1", False),
        ("net/conv1/weights", "conv1", False),
    ],
)
def test_in_scope(variable, scope, inside):
    assert names.in_scope(variable, scope) is inside


def test_a_shadow_name_has_the_role_of_a_shadow():
    shadow = names.shadow_name("conv1/weights")
    assert shadow == "conv1/weights/ExponentialMovingAverage"
    assert names.role_of(shadow, {shadow}) is names.Role.SHADOW


@pytest.mark.parametrize(
    "shadow, variable",
    [
        ("net/w/ExponentialMovingAverage", "net/w"),
        ("train/net/w/ExponentialMovingAverage", "net/w"),
        ("other/w/ExponentialMovingAverage", None),
        ("train/net/w/Momentum", None),
        ("ExponentialMovingAverage", None),
    ],
)
def test_which_variable_a_shadow_is_of(shadow, variable):
    assert names.shadowed_variable(shadow, {"net/w", "train/net"}) == variable
