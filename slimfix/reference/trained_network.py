"""What training needs of a network, and what of its graph training runs beside the outputs."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.batch_norm import BatchNormLayer, find_batch_norm_layers
from slimfix.graphdef.control_flow import find_in_branches
from slimfix.graphdef.updates import updates_run_by
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView

_UPDATE_OPS = "update_ops"  # tf.GraphKeys.UPDATE_OPS
_PENALTIES = "regularization_losses"  # tf.GraphKeys.REGULARIZATION_LOSSES


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """What training needs to know of a network.

    Attributes:
      view: the whole graph.
      meta_graph: MetaGraphDef, for its collections.
      read: gives the value of a variable by its name.
      inputs: tensor names that are fed.
      outputs: tensor names.
      switches: the value by tensor name of each switch in training.
    """

    view: GraphView
    meta_graph: Any
    read: Callable[[str], np.ndarray]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    switches: Mapping[str, bool]

    def collection(self, key: str) -> list[str]:
        """Returns the members of a collection of tensors or ops that are in the graph."""
        members = self.meta_graph.collection_def[key].node_list.value
        found = dict.fromkeys(members)
        return [name for name in found if names.split_tensor_name(name)[0] in self.view]


def find_layers(network: TrainedNetwork) -> list[BatchNormLayer]:
    """Returns the batch norms that the outputs come through, in the order of the graph."""
    ends = [names.split_tensor_name(tensor)[0] for tensor in network.outputs]
    needed = network.view.ancestors(ends)
    layers = find_batch_norm_layers(network.view)
    return [layer for layer in layers if needed.intersection(layer.normalise_ops)]


def find_updates(network: TrainedNetwork, layers: Sequence[BatchNormLayer]) -> list[str]:
    """Returns the names of the nodes to run so that every update of some layers runs once.

    What lies in a branch runs with what leads out of it: an entry of UPDATE_OPS, or the output.
    """
    view = network.view
    updates = {name for layer in layers for name in layer.update_ops}
    members = [names.split_tensor_name(each)[0] for each in network.collection(_UPDATE_OPS)]
    found = [name for name in members if updates & updates_run_by(view, name)]
    inside = set(find_in_branches(view, updates))
    return list(dict.fromkeys([*found, *sorted(updates - inside)]))


def find_penalties(network: TrainedNetwork) -> list[str]:
    """Returns the regularization losses on variables that the outputs come from."""
    view = network.view
    ends = [names.split_tensor_name(tensor)[0] for tensor in network.outputs]
    own = view.ancestors(ends, control=False)
    found = []
    for tensor in network.collection(_PENALTIES):
        above = view.ancestors([names.split_tensor_name(tensor)[0]], control=False)
        variables = {name for name in above if view.nodes[name].op in VARIABLE_OPS}
        if variables and variables <= own:
            found.append(tensor)
    return found
