"""Layers that share statistics, and the order in which they can be measured."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

from slimfix.errors import RecalibrationError, count, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.recalibration.statistics import is_renorm_statistic


@dataclasses.dataclass(frozen=True)
class Group:
    """The layers that share one moving mean.

    Attributes:
      measured: those whose input is measured.
      layers: all of them.
    """

    measured: tuple[BatchNormLayer, ...]
    layers: tuple[BatchNormLayer, ...]

    @property
    def scope(self) -> str:
        """The scope of the shared variables."""
        return self.layers[0].scope


def group_layers(selected: Sequence[BatchNormLayer], training: bool) -> list[Group]:
    """Groups layers by their moving mean, and picks those that can run in one mode.

    A training and an evaluation network may share variables in one graph, and the batches then
    feed one of the two: the one that runs in the mode that is wanted.
    """
    unwanted = "inference" if training else "training"
    shared: dict[str | None, list[BatchNormLayer]] = {}
    for layer in selected:
        shared.setdefault(layer.moving_mean, []).append(layer)
    return [
        Group(
            tuple(layer for layer in layers if layer.mode != unwanted) or tuple(layers),
            tuple(layers),
        )
        for layers in shared.values()
    ]


def normalises_in(layer: BatchNormLayer, nodes: set[str]) -> bool:
    """Tells whether a layer lies among nodes."""
    return bool(nodes.intersection(layer.normalise_ops))


def _depends(group: Group, other: Group, upstream: Mapping[str, set[str]]) -> bool:
    """Tells whether an input of `group` is computed through a layer of `other`."""
    return any(
        normalises_in(above, upstream[layer.input])
        for layer in group.measured
        for above in other.layers
    )


def order_by_level(groups: list[Group], upstream: Mapping[str, set[str]]) -> list[list[Group]]:
    """Returns the groups by level: each depends on groups of earlier levels only.

    Args:
      groups: in the order of the graph.
      upstream: names of the nodes that each measured input is computed from, by its tensor name.
    Raises: RecalibrationError: there is no such order.
    """
    waits = {
        index: {i for i, other in enumerate(groups) if _depends(group, other, upstream)}
        for index, group in enumerate(groups)
    }
    levels: list[list[Group]] = []
    done: set[int] = set()
    while len(done) < len(groups):
        ready = {index for index in waits if index not in done and waits[index] <= done}
        if not ready:
            raise _circular([groups[index] for index in waits if index not in done])
        levels.append([groups[index] for index in sorted(ready)])
        done |= ready
    return levels


def _circular(groups: list[Group]) -> RecalibrationError:
    return RecalibrationError(
        explain(
            f"Cannot measure {count(len(groups), 'batch norm')} layer by layer",
            [f"'{group.scope}': used {count(len(group.layers), 'time')}" for group in groups],
            cause="layers that share statistics lie upstream of each other, or the layers named "
            "come after such: there is no order in which each follows all that it depends on.",
            fix="use method='one_pass'.",
        )
    )


def refuse_stored_upstream(groups: list[Group], upstream: Mapping[str, set[str]]) -> None:
    """Raises where a group is measured through one that normalises with its old statistics.

    Args: as of `order_by_level`.
    """
    stale = [
        (group, layer, other.scope)
        for other in groups
        for layer in other.layers
        if layer.mode == "inference" or any(map(is_renorm_statistic, layer.extras))
        for group in groups
        if any(normalises_in(layer, upstream[each.input]) for each in group.measured)
    ]
    if stale:
        concerned = {group.scope for group, _, _ in stale}
        raise RecalibrationError(
            explain(
                f"Cannot measure {count(len(concerned), 'batch norm')} in one pass",
                [
                    f"'{group.scope}': its input comes through '{above}', which normalises with "
                    + ("stored statistics" if layer.mode == "inference" else "those of renorm")
                    for group, layer, above in stale
                ],
                cause="one pass measures all layers while the stored statistics are still the old "
                "ones; in training mode that makes no difference to a layer that normalises with "
                "the batch's, but these do not.",
                fix="use method='layer_by_layer', or leave the layers upstream out with scopes.",
            )
        )
