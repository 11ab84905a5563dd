"""What a built graph cannot freeze any more: each is an error before anything changes."""

from __future__ import annotations

from typing import Any, Collection, Iterable, Sequence

from slimfix import names
from slimfix.errors import FreezeError, UsageError, count, explain
from slimfix.freezing.update_paths import find_update_paths, is_forced, last_of
from slimfix.graph.hidden_calls import explain_hidden_calls
from slimfix.graph.layers import op_of
from slimfix.graphdef.batch_norm import BatchNormLayer, find_unread_nodes
from slimfix.graphdef.updates import OPTIMIZER_UPDATES
from slimfix.graphdef.variables import assigned_variable, trace_variable
from slimfix.graphdef.view import GraphView, Node

_BEFORE = "call freeze_batch_norm when the network is built, and before the train op is."


def refuse_unread(view: GraphView) -> None:
    """Raises where function bodies may hide a batch norm."""
    unread = find_unread_nodes(view)
    if unread:
        raise FreezeError(explain_hidden_calls("Cannot see every batch norm", view, unread))


def refuse_empty(found: Collection[Any], where: str) -> None:
    """Raises where there is no batch norm in `where`."""
    if not found:
        raise UsageError(
            explain(
                f"The {where} holds no batch norm",
                cause="the network is not built yet, or was built elsewhere.",
                fix="build it first, and hand over the graph or model that holds it.",
            )
        )


def refuse_forced(view: GraphView, layers: Sequence[BatchNormLayer]) -> None:
    """Raises where the output of one of the layers waits for its updates."""
    forced = [layer for layer in layers if layer.update_ops and is_forced(view, layer)]
    if forced:
        raise FreezeError(
            explain(
                f"Cannot freeze the statistics of {len(forced)} of "
                f"{count(len(layers), 'batch norm')}",
                [f"'{layer.scope}': its output waits for its updates" for layer in forced],
                cause="slim.batch_norm was built with updates_collections=None, which puts the "
                "updates into the network itself.",
                fix="build it with updates_collections at its default, or with is_training=False.",
            )
        )


def refuse_run_elsewhere(view: GraphView, graph: Any, layers: Sequence[BatchNormLayer]) -> None:
    """Raises where another op than those of the updates runs them, such as a train op."""
    last = last_of(view, find_update_paths(view, layers).others)
    if last:
        raise FreezeError(
            explain(
                f"Cannot freeze the statistics of {count(len(layers), 'batch norm')}: "
                f"{count(len(last), 'op')} would go on moving them",
                [_describe_runner(view, graph, node, layers) for node in last],
                cause="a train op was built already, or the update ops were grouped with others.",
                fix=_BEFORE,
            )
        )


def refuse_trained(
    view: GraphView, layers: Sequence[BatchNormLayer], variables: Collection[str]
) -> None:
    """Raises where an optimizer's op changes one of the variables already."""
    updates = {name for layer in layers for name in layer.update_ops}
    trained = [
        f"'{variable}': trained by {_describe(node)}"
        for node in view.nodes.values()
        for variable in [_changed_variable(view, node)]
        if variable in variables and node.name not in updates and _takes_gradient(view, node)
    ]
    if trained:
        raise FreezeError(
            explain(
                f"Cannot freeze {len(trained)} of {count(len(variables), 'variable')} of "
                f"{count(len(layers), 'batch norm')}",
                trained,
                cause="a train op was built already.",
                fix=_BEFORE,
            )
        )


def _changed_variable(view: GraphView, node: Node) -> str | None:
    if node.op.startswith(OPTIMIZER_UPDATES):
        variable = trace_variable(view, node.inputs[0])
    else:
        variable = assigned_variable(view, node)
    return variable and names.whole_name(variable)


def _takes_gradient(view: GraphView, node: Node) -> bool:
    """Tells an optimizer's step, be it one op or written out, from an initialiser or a restore."""
    return node.op.startswith(OPTIMIZER_UPDATES) or any(
        map(names.in_gradients_scope, view.ancestors([node.name]))
    )


def _describe(node: Node) -> str:
    return f"'{node.name}' ({node.op})"


def _describe_runner(
    view: GraphView, graph: Any, node: Node, layers: Iterable[BatchNormLayer]
) -> str:
    above = view.ancestors([node.name])
    scopes = dict.fromkeys(layer.scope for layer in layers if above.intersection(layer.update_ops))
    keys = [
        repr(key)
        for key in graph.get_all_collection_keys()
        if any(op_name(item) == node.name for item in graph.get_collection(key))
    ]
    where = f", in the collection {', '.join(keys)}," if keys else ""
    return f"{_describe(node)}{where} runs the updates of {', '.join(map(repr, scopes))}"


def op_name(item: Any) -> str:
    """Returns the name of the op of a collection's member; '' for what is no part of a graph."""
    return str(getattr(op_of(item), "name", ""))
