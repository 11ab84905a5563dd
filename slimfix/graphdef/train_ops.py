"""Whether a graph trains: whether anything in it moves weights by their gradients."""

from __future__ import annotations

from typing import Sequence

from slimfix import names
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.updates import OPTIMIZER_UPDATES
from slimfix.graphdef.variables import ASSIGN_OPS
from slimfix.graphdef.view import GraphView


def has_train_op(view: GraphView, layers: Sequence[BatchNormLayer]) -> bool:
    """Tells whether a graph holds an optimizer's ops, or assigns what `tf.gradients` gave.

    Update ops alone are no train op: a network that is built with is_training=True has them whether
    anybody runs them or not.

    Args:
      view: the whole graph.
      layers: its batch norms; a gradient may be a part of the network that they normalise.
    """
    if any(node.op.startswith(OPTIMIZER_UPDATES) for node in view.nodes.values()):
        return True
    gradients = [name for name in view.nodes if names.in_gradients_scope(name)]
    updates = {name for layer in layers for name in layer.update_ops}
    below = view.descendants(gradients, control=False) - updates
    return any(view.nodes[name].op in ASSIGN_OPS for name in below)
