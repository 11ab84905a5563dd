"""The inference function as plain data: what a training graph holds between inputs and outputs."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Optional, Tuple

import numpy as np

from slimfix.graphdef.view import Node

Shape = Optional[Tuple[Optional[int], ...]]


def format_shape(shape: Shape) -> str:
    """Returns '[8,10]'; an unknown size reads '?'."""
    if shape is None:
        return "[unknown rank]"
    return "[" + ",".join("?" if size is None else str(size) for size in shape) + "]"


@dataclasses.dataclass(frozen=True)
class Function:
    """A graph without control flow, control edges, identities or dead branches.

    Every tensor has one name here. A node's inputs are names of other nodes' outputs, of
    `inputs`, of `variables`, or of `constants`.

    Attributes:
      nodes: in topological order, by node name.
      inputs: tensor names that the caller feeds.
      outputs: the names, in `nodes`, of the tensors asked for.
      variables: variable name by tensor name.
      constants: value by tensor name.
      shapes: static shape by tensor name; None inside for an unknown size.
      aliases: the name used here, by every name of the original graph that means the same tensor.
      switches: the value that each boolean switch was given, by its tensor name.
      permutations: by name of the original graph, for each tensor that the model has in another
        order of axes: np.transpose(original, permutation) is the model's. NCHW tensors are NHWC.
      batches: by tensor name, the axes along which its sizes follow the batch, and how many
        times the batch each is; tensors of which that is not known are left out.
    """

    nodes: Mapping[str, Node]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    variables: Mapping[str, str]
    constants: Mapping[str, np.ndarray]
    shapes: Mapping[str, Shape]
    aliases: Mapping[str, str]
    switches: Mapping[str, bool]
    permutations: Mapping[str, tuple[int, ...]]
    batches: Mapping[str, Mapping[int, int]] = dataclasses.field(default_factory=dict)

    def consumers(self) -> dict[str, tuple[Node, ...]]:
        """Returns the nodes that read each tensor, by tensor name."""
        found: dict[str, tuple[Node, ...]] = {}
        for node in self.nodes.values():
            for tensor in dict.fromkeys(node.inputs):
                found[tensor] = (*found.get(tensor, ()), node)
        return found
