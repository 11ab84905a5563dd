"""The record of a graph that was reduced to the function from inputs to outputs."""

from __future__ import annotations

import dataclasses
from typing import Mapping

from slimfix.graphdef.view import Node

DROPOUT = "slimfix.Dropout"  # The one op in a Function that TensorFlow does not have.


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A pruned graph whose tensors have one name each; see `Function`, which adds the shapes.

    Attributes:
      training_switches: the value by tensor name that each switch has in training.
    """

    nodes: Mapping[str, Node]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    variables: Mapping[str, str]
    aliases: Mapping[str, str]
    switches: Mapping[str, bool]
    training_switches: Mapping[str, bool]
    notes: tuple[str, ...]
