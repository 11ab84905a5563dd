"""Checks that a train op will run the update ops of every batch norm that it trains through."""

from __future__ import annotations

from typing import Any, Sequence

from slimfix.errors import UpdateOpsError, explain
from slimfix.graph.layers import view_graph
from slimfix.graphdef.batch_norm import (
    BatchNormLayer,
    find_batch_norm_layers,
    find_unread_nodes,
)
from slimfix.graphdef.control_flow import find_in_branches
from slimfix.graphdef.variables import assigned_variable
from slimfix.graphdef.view import GraphView


def verify_update_ops(total_loss: Any, update_ops: Sequence[Any]) -> None:
    """Raises unless running the loss and the update ops keeps every moving statistic in use.

    A layer counts if the loss depends on it and it normalises with the batch's statistics, always
    or by a switch. Where layers share variables, the updates of any one of them will do.

    Args:
      total_loss: the loss tensor.
      update_ops: ops or tensors that run with the train op.
    Raises: UpdateOpsError: a moving statistic would not be updated, an update op is inside a
      branch where nothing can wait for it, or a batch norm lies inside a function body that
      slimfix does not read.
    """
    view = view_graph(total_loss.graph)
    loss = total_loss.op.name
    updates = [_op_name(item) for item in update_ops]
    layers = find_batch_norm_layers(view)
    needed = view.ancestors([loss])
    _refuse_unread(view, needed)
    _refuse_in_branches(view, updates, layers)
    _refuse_lost(view, total_loss.graph, layers, needed, view.ancestors([loss, *updates]))


def _op_name(item: Any) -> str:
    return getattr(item, "op", item).name  # An Operation has no op; tensors and variables have.


def _refuse_unread(view: GraphView, needed: set[str]) -> None:
    unread = [name for name in find_unread_nodes(view) if name in needed]
    if unread:
        raise UpdateOpsError(
            explain(
                f"Cannot check the update ops: {len(unread)} of {len(view.nodes)} nodes are "
                "function calls that may hold a batch norm",
                [f"'{name}' ({view.nodes[name].op})" for name in unread],
                cause="tf.case was built with control flow version 2; its branches are functions.",
                fix="call tf.disable_control_flow_v2() before the graph is built.",
            )
        )


def _refuse_in_branches(view: GraphView, updates: list[str], layers: list[BatchNormLayer]) -> None:
    inside = find_in_branches(view, updates)
    if inside:
        raise UpdateOpsError(
            explain(
                f"Cannot run {len(inside)} of {len(updates)} update ops with the train op",
                [
                    f"'{name}': made inside a branch; {_served(view, name, layers)}"
                    for name in inside
                ],
                cause="the layer was built inside a tf.cond or tf.while_loop body; whatever waits "
                "outside for an op of a branch that is not taken never runs.",
                fix="build the layer outside and hand it is_training as a tensor, or build it with "
                "updates_collections=None.",
            )
        )


def _served(view: GraphView, update: str, layers: list[BatchNormLayer]) -> str:
    above = view.ancestors([update])
    scopes = [repr(layer.scope) for layer in layers if above.intersection(layer.update_ops)]
    return "updates " + ", ".join(scopes) if scopes else "updates no batch norm"


def _refuse_lost(
    view: GraphView,
    graph: Any,
    layers: list[BatchNormLayer],
    needed: set[str],
    reached: set[str],
) -> None:
    kept = {
        assigned_variable(view, view.nodes[name])
        for layer in layers
        for name in layer.update_ops
        if name in reached
    }
    training = [
        layer
        for layer in layers
        if layer.mode != "inference" and needed.intersection(layer.normalise_ops)
    ]
    lost = [layer for layer in training if _statistics(layer) - kept]
    if lost:
        raise UpdateOpsError(
            explain(
                f"The train op would not update the moving statistics of {len(lost)} of "
                f"{len(training)} batch-norm layers in training mode",
                [_describe(view, graph, layer, reached) for layer in lost],
                cause="update_ops leaves them out, or slim.batch_norm was built with another "
                "updates_collections than UPDATE_OPS; evaluation would then use the statistics "
                "that the layer started with.",
                fix="leave update_ops at None and updates_collections at its default, or add the "
                "ops named above to update_ops; build a layer whose statistics are to stay with "
                "is_training=False.",
            )
        )


def _statistics(layer: BatchNormLayer) -> set[str]:
    moving = [name for name in (layer.moving_mean, layer.moving_variance) if name]
    return {*moving, *layer.extras}


def _describe(view: GraphView, graph: Any, layer: BatchNormLayer, reached: set[str]) -> str:
    mode = f"switched by '{layer.switch}'" if layer.mode == "switched" else "in training mode"
    missing = [name for name in layer.update_ops if name not in reached]
    if not missing:
        return f"'{layer.scope}': {mode}; no op of the graph updates its statistics"
    ops = ", ".join(repr(name) for name in missing)
    collections = _find_collections(view, graph, missing)
    where = f", found in the collection {collections}" if collections else ""
    return f"'{layer.scope}': {mode}; not run: {ops}{where}"


def _find_collections(view: GraphView, graph: Any, update_ops: list[str]) -> str:
    """Returns the quoted names of the collections whose members run any of these ops."""
    found = []
    for key in graph.get_all_collection_keys():
        members = [item for item in graph.get_collection(key) if hasattr(item, "name")]
        starts = [getattr(getattr(item, "op", item), "name", "") for item in members]
        if view.ancestors(starts).intersection(update_ops):
            found.append(repr(key))
    return ", ".join(found)
