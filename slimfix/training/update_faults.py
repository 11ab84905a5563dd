"""What is wrong with the update ops of a train op: each an error that names every layer."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from slimfix.errors import UpdateOpsError, UsageError, explain
from slimfix.graph.hidden_calls import explain_hidden_calls
from slimfix.graph.layers import op_of
from slimfix.graphdef.batch_norm import BatchNormLayer, find_unread_nodes
from slimfix.graphdef.control_flow import find_in_branches
from slimfix.graphdef.updates import updates_run_by
from slimfix.graphdef.variables import assigned_variable
from slimfix.graphdef.view import GraphView

UPDATE_OPS = "update_ops"  # tf.GraphKeys.UPDATE_OPS, without importing TensorFlow.


def op_name(item: Any) -> str:
    """Returns the name of the op that an op, tensor or variable stands for."""
    return op_of(item).name


def refuse_no_op(root: Any) -> None:
    """Raises UsageError where a train op or loss is no op or tensor of a graph."""
    import tensorflow.compat.v1 as tf

    if isinstance(op_of(root), tf.Operation):
        return
    eager = tf.executing_eagerly()
    raise UsageError(
        explain(
            f"Wanted is an op or tensor of a graph, not a {type(root).__name__}",
            cause="eager execution is on: there is no graph." if eager else None,
            fix="call tf.disable_v2_behavior() before the network is built."
            if eager
            else "hand over one op; tf.group makes one of several.",
        )
    )


def refuse_foreign(graph: Any, update_ops: Sequence[Any]) -> None:
    """Raises where an update op belongs to another graph, or to a function of this one."""
    foreign = [item for item in update_ops if op_of(item).graph is not graph]
    if foreign:
        raise UpdateOpsError(
            explain(
                f"Cannot run {len(foreign)} of {len(update_ops)} update ops with the train op",
                [f"'{op_name(item)}': {_home(op_of(item).graph)}" for item in foreign],
                cause="they were collected in a branch of tf.cond, or while another graph was the "
                "default one.",
                fix="build the layer in the graph of the loss, outside of any branch, and hand it "
                "is_training as a tensor.",
            )
        )


def _home(graph: Any) -> str:
    in_function = hasattr(graph, "outer_graph")
    return "made inside a function, such as a branch" if in_function else "of another graph"


def refuse_in_branches(
    view: GraphView, layers: Sequence[BatchNormLayer], updates: Sequence[str]
) -> None:
    """Raises where an update op, by name, lies inside a branch or a loop."""
    inside = find_in_branches(view, updates)
    if inside:
        raise UpdateOpsError(
            explain(
                f"Cannot run {len(inside)} of {len(updates)} update ops with the train op",
                [
                    f"'{name}': made inside a branch; {_served(view, layers, name)}"
                    for name in inside
                ],
                cause="the layer was built inside a tf.cond or tf.while_loop body; whatever waits "
                "outside for an op of a branch that is not taken never runs.",
                fix="build the layer outside and hand it is_training as a tensor, or build it with "
                "updates_collections=None.",
            )
        )


def _served(view: GraphView, layers: Sequence[BatchNormLayer], update: str) -> str:
    above = view.ancestors([update])
    scopes = [repr(layer.scope) for layer in layers if above.intersection(layer.update_ops)]
    return "updates " + ", ".join(scopes) if scopes else "updates no batch norm"


def refuse_unread(view: GraphView, needed: set[str]) -> None:
    """Raises where one of the nodes needed is a call that may hide a batch norm."""
    unread = [name for name in find_unread_nodes(view) if name in needed]
    if unread:
        raise UpdateOpsError(explain_hidden_calls("Cannot check the update ops", view, unread))


def refuse_moved(
    view: GraphView, frozen: Sequence[BatchNormLayer], reached: set[str], in_place: set[str]
) -> None:
    """Raises where the nodes that run move a statistic that is to stay.

    Args:
      view: the graph.
      frozen: the layers whose statistics are to stay.
      reached: names of the nodes that run.
      in_place: names of those that are known to run without any update op.
    """
    assigning = _find_assigning(view, reached)
    moving = [
        (layer, [name for each in sorted(layer.statistics) for name in assigning.get(each, ())])
        for layer in frozen
    ]
    moved = [(layer, nodes) for layer, nodes in moving if nodes]
    if moved:
        raise UpdateOpsError(
            explain(
                f"The train op would move the statistics of {len(moved)} of {len(frozen)} frozen "
                "batch-norm layers",
                [_describe_moved(layer, nodes, in_place) for layer, nodes in moved],
                cause="update_ops holds their updates, they were built with "
                "updates_collections=None, or the train op assigns the statistics itself.",
                fix="leave update_ops at None, build frozen layers with is_training=False, or "
                "leave their scopes out of frozen_scopes.",
            )
        )


def _find_assigning(view: GraphView, reached: set[str]) -> dict[str, list[str]]:
    """Returns the nodes that assign, of those reached, by the name of the variable."""
    found: dict[str, list[str]] = {}
    for node in view.in_order(reached):
        variable = assigned_variable(view, node)
        if variable:
            found.setdefault(variable, []).append(node.name)
    return found


def _describe_moved(layer: BatchNormLayer, nodes: Sequence[str], in_place: set[str]) -> str:
    forced = [name for name in nodes if name in in_place]
    if forced:
        return f"'{layer.scope}': updates forced in place, they run anyhow: {_quote(forced)}"
    return f"'{layer.scope}': runs {_quote(nodes)}"


def refuse_lost(
    view: GraphView,
    layers: Sequence[BatchNormLayer],
    demanded: Sequence[BatchNormLayer],
    reached: set[str],
) -> None:
    """Raises where a layer demanded has a statistic that no node reached assigns.

    Where layers share variables, the updates of any one of them will do.
    """
    kept = {
        assigned_variable(view, view.nodes[name])
        for layer in layers
        for name in layer.update_ops
        if name in reached
    }
    lost = [layer for layer in demanded if not kept.issuperset(layer.statistics)]
    if lost:
        raise UpdateOpsError(
            explain(
                f"The train op would not update the moving statistics of {len(lost)} of "
                f"{len(demanded)} batch-norm layers in training mode",
                [_describe_lost(view, layer, reached) for layer in lost],
                cause="the updates were left out, or collected elsewhere than in UPDATE_OPS; "
                "evaluation would then use the statistics that the layer started with.",
                fix="leave update_ops at None and updates_collections at its default, or hand over "
                "what is named above: update_ops=tf.get_collection(NAME), or ops that are in no "
                "collection; where statistics are to stay, build the layer with is_training=False, "
                "or name its scope in frozen_scopes.",
            )
        )


def _describe_lost(view: GraphView, layer: BatchNormLayer, reached: set[str]) -> str:
    mode = f"switched by '{layer.switch}'" if layer.mode == "switched" else "in training mode"
    missing = [name for name in layer.update_ops if name not in reached]
    if not missing:
        return f"'{layer.scope}': {mode}; no op of the graph updates its statistics"
    return f"'{layer.scope}': {mode}; not run: {_quote(missing)}, {_why(view, missing)}"


def _why(view: GraphView, missing: Sequence[str]) -> str:
    entries = {
        key: [each for each in members if updates_run_by(view, each).intersection(missing)]
        for key, members in view.collections.items()
    }
    held = entries.pop(UPDATE_OPS, [])
    others = sorted(key for key, members in entries.items() if members)
    if others and not held:
        return f"found in the collection {_quote(others)}, not in '{UPDATE_OPS}'"
    if find_in_branches(view, held or missing):
        return "made inside a tf.cond or tf.while_loop body, where nothing outside can wait"
    if held:
        return f"in the collection '{UPDATE_OPS}', on which the train op does not depend"
    return "found in no collection, as the updates of Keras layers are, and those that were frozen"


def _quote(items: Iterable[str]) -> str:
    return ", ".join(repr(item) for item in items)
