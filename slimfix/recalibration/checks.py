"""What keeps layers from being measured, each an error that names every layer concerned."""

from __future__ import annotations

from typing import Sequence

from slimfix.errors import RecalibrationError, UsageError, count, explain
from slimfix.graph.hidden_calls import explain_hidden_calls
from slimfix.graphdef.batch_norm import BatchNormLayer, find_unread_nodes
from slimfix.graphdef.view import GraphView
from slimfix.recalibration.statistics import is_known_extra
from slimfix.scopes import pick_by_scope


def select_layers(
    layers: Sequence[BatchNormLayer], scopes: str | Sequence[str] | None
) -> list[BatchNormLayer]:
    """Returns the layers inside the scopes, by whole parts of a name; all of them if None."""
    if not layers:
        raise RecalibrationError(
            explain(
                "The graph holds no batch norm with moving statistics",
                cause="Keras layers and functions hide their ops, or it is another graph.",
            )
        )
    if scopes is None:
        return list(layers)
    if not scopes:
        raise UsageError("scopes is empty; give None, or no scopes, for all batch norms")
    picked = pick_by_scope({layer.scope for layer in layers}, scopes, "scopes", "batch norm")
    return [layer for layer in layers if layer.scope in picked]


def refuse_unread(view: GraphView) -> None:
    """Raises where function calls may hide a batch norm."""
    unread = find_unread_nodes(view)
    if unread:
        raise RecalibrationError(explain_hidden_calls("Cannot see every batch norm", view, unread))


def refuse_unknown_statistics(layers: Sequence[BatchNormLayer]) -> None:
    """Raises where a layer's statistics, or what one of them means, cannot be told."""
    items = []
    for layer in layers:
        lacking = [
            label
            for label, name in (
                ("moving_mean", layer.moving_mean),
                ("moving_variance", layer.moving_variance),
            )
            if name is None
        ]
        if lacking:
            items.append(f"'{layer.scope}': no variable found for {' and '.join(lacking)}")
        unknown = [name for name in layer.extras if not is_known_extra(name)]
        items += [f"'{layer.scope}': cannot tell what '{name}' holds" for name in unknown]
    if items:
        raise RecalibrationError(
            explain(
                f"Cannot tell where the statistics of {count(len(items), 'batch norm')} are kept",
                items,
                cause="no op of the graph normalises with them or updates them, or another "
                "library than slim and tf.layers made them.",
                fix="build the graph with its update ops, or name the other layers with scopes.",
            )
        )


def refuse_constant_training(layers: Sequence[BatchNormLayer]) -> None:
    """Raises where a layer has no inference mode."""
    fixed = [layer for layer in layers if layer.mode == "training"]
    if fixed:
        raise RecalibrationError(
            explain(
                f"Cannot run {len(fixed)} of {len(layers)} batch norms in inference mode",
                [f"'{layer.scope}': always in training mode" for layer in fixed],
                cause="the graph was built with is_training=True, a constant.",
                fix="use method='one_pass', or build the graph with is_training=False and restore "
                "the same checkpoint.",
            )
        )


def read_switches(layers: Sequence[BatchNormLayer], training: bool) -> dict[str, bool]:
    """Returns the value for each switch, by tensor name, that puts all layers in one mode."""
    switches: dict[str, bool] = {}
    for layer in layers:
        if layer.switch is None:
            continue
        value = layer.trains_when == training
        if switches.setdefault(layer.switch, value) != value:
            mode = "training" if training else "inference"
            raise RecalibrationError(
                explain(
                    f"No value of '{layer.switch}' puts all batch norms in {mode} mode",
                    [
                        f"'{each.scope}': training mode for {each.trains_when}"
                        for each in layers
                        if each.switch == layer.switch
                    ],
                    fix="recalibrate them one after the other with scopes.",
                )
            )
    return switches
