"""Freezes batch norm in a built TensorFlow 1 graph, through its collections."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from slimfix import names
from slimfix.errors import count
from slimfix.freezing import refusals
from slimfix.freezing.record import BatchNormState, FreezeRecord
from slimfix.freezing.update_paths import find_update_paths
from slimfix.graph.layers import view_graph
from slimfix.graphdef.batch_norm import BatchNormLayer, find_batch_norm_layers
from slimfix.graphdef.view import GraphView
from slimfix.scopes import pick_by_scope

_TRAINABLE = "trainable_variables"  # tf.GraphKeys.TRAINABLE_VARIABLES


def freeze_in_graph(
    graph: Any, scopes: Sequence[str] | None, statistics: bool, affine: bool
) -> FreezeRecord:
    """Freezes batch norms of a graph; see slimfix.freeze_batch_norm.

    All is decided on a copy of the graph. Of the graph itself only the collections change.
    """
    view = view_graph(graph)
    refusals.refuse_unread(view)
    groups = _group(find_batch_norm_layers(view))
    refusals.refuse_empty(groups, "graph")
    known = [group[0].scope for group in groups]
    picked = known if scopes is None else pick_by_scope(known, scopes, "scopes", "batch norm")
    chosen = [scope in picked for scope in known]
    layers = [layer for group, is_chosen in zip(groups, chosen) if is_chosen for layer in group]
    ops: frozenset[str] = frozenset()
    variables: set[str] = set()
    if statistics:
        refusals.refuse_forced(view, layers)
        refusals.refuse_run_elsewhere(view, graph, layers)
        ops = find_update_paths(view, layers).own
        # A statistic that is trainable by mistake would be trained in inference mode.
        variables.update(name for layer in layers for name in layer.statistics)
    if affine:
        variables.update(name for layer in layers for name in (layer.beta, layer.gamma) if name)
    refusals.refuse_trained(view, layers, variables)

    for key in graph.get_all_collection_keys():
        leaving = variables if key == _TRAINABLE else ops
        members = graph.get_collection_ref(key)
        members[:] = [item for item in members if _name_in(key, item) not in leaving]
    states = _read_back(view, graph, groups, chosen)
    return FreezeRecord(states, statistics, affine, _notes(groups, states))


def _group(layers: Iterable[BatchNormLayer]) -> list[list[BatchNormLayer]]:
    """Returns the layers in groups that share their variables, as towers do."""
    groups: dict[tuple[str | None, ...], list[BatchNormLayer]] = {}
    for layer in layers:
        key = (layer.scope, layer.moving_mean, layer.moving_variance)
        groups.setdefault(key, []).append(layer)
    return list(groups.values())


def _read_back(
    view: GraphView, graph: Any, groups: Sequence[Sequence[BatchNormLayer]], chosen: Sequence[bool]
) -> tuple[BatchNormState, ...]:
    """Returns what the collections of the graph make of each group of layers now."""
    held = {
        key: {_name_in(key, item) for item in graph.get_collection(key)}
        for key in graph.get_all_collection_keys()
    }
    members = set().union(*held.values())
    trainable = held.get(_TRAINABLE, set())

    def moves(variables: Iterable[str | None]) -> bool | None:
        known = {name for name in variables if name}
        return bool(known & trainable) if known else None

    states = []
    for group, is_chosen in zip(groups, chosen):
        paths = find_update_paths(view, group)
        statistics = {name for layer in group for name in layer.statistics}
        states.append(
            BatchNormState(
                name=group[0].scope,
                statistics_move=bool(paths.others or paths.own & members or statistics & trainable),
                beta_moves=moves(layer.beta for layer in group),
                gamma_moves=moves(layer.gamma for layer in group),
                normalises_with=", ".join(dict.fromkeys(map(_normalises_with, group))),
                chosen=is_chosen,
            )
        )
    return tuple(states)


def _name_in(key: str, item: Any) -> str:
    """Returns the name of a member's op; of a variable in parts, that of the whole."""
    name = refusals.op_name(item)
    return names.whole_name(name) if key == _TRAINABLE else name


def _normalises_with(layer: BatchNormLayer) -> str:
    if layer.mode == "switched":
        return f"by '{layer.switch}'"
    return "moving" if layer.mode == "inference" else "batch"


def _notes(
    groups: Sequence[Sequence[BatchNormLayer]], states: Sequence[BatchNormState]
) -> tuple[str, ...]:
    """Returns what a frozen layer of a built graph still does with the batch."""
    kept = [
        group for group, state in zip(groups, states) if state.chosen and not state.statistics_move
    ]
    training = [group for group in kept if any(layer.mode == "training" for layer in group)]
    switches = dict.fromkeys(
        (str(layer.switch), not layer.trains_when)
        for group in kept
        for layer in group
        if layer.mode == "switched"
    )
    notes = []
    loose = [group for group in kept if not any(layer.update_collections for layer in group)]
    loose = [group for group in loose if any(layer.update_ops for layer in group)]
    if loose:
        notes.append(
            f"the update ops of {count(len(loose), 'batch norm')} were in no collection. Whoever "
            "holds them, as a Keras layer does in its `updates`, can still run them."
        )
    if training:
        notes.append(
            f"training does not use the frozen statistics of {count(len(training), 'batch norm')}. "
            "Built with is_training=True, such a layer normalises with those of the batch: build "
            "its scope with is_training=False."
        )
    notes += [
        f"what '{switch}' switches normalises with the frozen statistics only while it is {off}."
        for switch, off in switches
    ]
    return tuple(notes)
