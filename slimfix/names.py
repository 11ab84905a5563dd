"""Names of TensorFlow 1 graphs and checkpoints, as pure strings: no TensorFlow, no I/O."""

from __future__ import annotations

import difflib
import enum
import re
from typing import Collection

_SLOT_SUFFIXES = (
    "Momentum",
    "Adam",
    "Adam_1",
    "RMSProp",
    "RMSProp_1",
    "RMSProp_2",
    "Adagrad",
    "Adadelta",
    "Adadelta_1",
    "Ftrl",
    "Ftrl_1",
    "AdaMax",
    "AdaMax_1",
)
# Ops that recalibration adds to a graph lie here, and are no part of the network.
MEASURING_SCOPE = "slimfix_recalibrate"
_SHADOW_SUFFIX = "ExponentialMovingAverage"
_STEP_NAMES = ("global_step",)
_OPTIMIZER_SCALARS = re.compile(r"(^|/)beta[12]_power(_\d+)?$")
_PART = re.compile(r"/part_\d+$")
_STATISTIC = re.compile(
    r"(^|/)("
    r"moving_mean|moving_variance|moving_stddev"
    r"|moving_(mean|variance)/(biased|local_step)"
    r"|renorm_(mean|stddev)(_weight)?"
    r")$"
)


class Role(enum.Enum):
    """What a variable is for, judged by its name and its neighbours' names."""

    WEIGHT = "weight"
    MOVING_STATISTIC = "moving statistic"
    OPTIMIZER_SLOT = "optimizer slot"
    SHADOW = "exponential moving average shadow"
    STEP = "step"


def split_tensor_name(name: str) -> tuple[str, int]:
    """Returns (node name, output index) of a tensor name; 'conv1/Relu' reads as 'conv1/Relu:0'.

    What ends in no index is a node's name as it is, though no graph has one with a colon.
    """
    node, _, index = name.rpartition(":")
    if not index.isdecimal() or not node:
        return name, 0
    return node, int(index)


def join_tensor_name(node: str, index: int) -> str:
    """Returns the tensor name, always with its output index: ('a/b', 0) gives 'a/b:0'."""
    return f"{node}:{index}"


def fed_name(tensor: str) -> str:
    """Returns the name of the placeholder that stands for a tensor: 'batch:1' gives 'batch__1'."""
    node, index = split_tensor_name(tensor)
    return f"{node}__{index}" if index else node


def parent_scope(name: str) -> str:
    """Returns the name without its last part: 'a/b/c' gives 'a/b', and 'c' gives ''."""
    return name.rpartition("/")[0]


def last_part(name: str) -> str:
    """Returns the last part of a name: 'a/b/c' gives 'c'."""
    return name.rpartition("/")[2]


def scopes_of(name: str) -> list[str]:
    """Returns the scopes that a name lies in, outermost first: 'a/b/c' gives ['a', 'a/b']."""
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def in_scope(name: str, scope: str) -> bool:
    """Tells whether a name is `scope` itself or lies in it: 'conv10/w' is not in 'conv1'."""
    return f"{name}/".startswith(scope.rstrip("/") + "/")


def whole_name(variable: str) -> str:
    """Returns the name that a checkpoint gives a part of a partitioned variable: 'a/part_0' is of
    'a'. The name of any other variable is returned as it is."""
    return _PART.sub("", variable)


def shadow_name(variable: str) -> str:
    """Returns the name of a variable's shadow: 'w' gives 'w/ExponentialMovingAverage'."""
    return f"{variable}/{_SHADOW_SUFFIX}"


def shadowed_variable(shadow: str, variables: Collection[str]) -> str | None:
    """Returns which of some variables a shadow belongs to, None where it belongs to none.

    An average that was made inside a variable scope has that scope in front of the variable's
    name: 'train/net/w/ExponentialMovingAverage' is of 'net/w', unless there is a 'train/net/w'.
    """
    base, _, suffix = shadow.rpartition("/")
    while base and suffix == _SHADOW_SUFFIX and base not in variables:
        base = base.partition("/")[2]
    return base if base and suffix == _SHADOW_SUFFIX else None


def in_gradients_scope(node: str) -> bool:
    """Tells whether `tf.gradients` made this node: its scope is 'gradients', 'gradients_1', ..."""
    return any(re.match(r"gradients(_\d+)?$", part) for part in node.split("/")[:-1])


def is_statistic_name(variable: str) -> bool:
    """Tells whether a variable name is that of a batch-norm statistic, extras included."""
    return bool(_STATISTIC.search(variable))


def role_of(variable: str, variables: Collection[str]) -> Role:
    """Returns the role of a checkpoint variable.

    A slot is one only beside the variable it belongs to, so that a layer that happens to be
    called 'Momentum' stays a weight. A shadow is known by its name alone: some checkpoints hold
    shadows without their variables.

    Args:
      variable: variable name, no ':0'.
      variables: all variable names of the same checkpoint.
    Returns: Role.
    """
    base = parent_scope(variable)
    suffix = last_part(variable)
    if suffix == _SHADOW_SUFFIX and base:
        return Role.SHADOW
    if suffix in _SLOT_SUFFIXES and base in variables:
        return Role.OPTIMIZER_SLOT
    if _OPTIMIZER_SCALARS.search(variable):
        return Role.OPTIMIZER_SLOT
    if suffix in _STEP_NAMES:
        return Role.STEP
    if is_statistic_name(variable):
        return Role.MOVING_STATISTIC
    return Role.WEIGHT


def near_names(name: str, candidates: Collection[str], count: int = 3) -> list[str]:
    """Returns up to `count` candidates that look like `name`, best first. For error texts only."""
    return difflib.get_close_matches(name, candidates, n=count, cutoff=0.6)
