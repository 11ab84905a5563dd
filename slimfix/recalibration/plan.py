"""Decides which inputs to measure in which pass over the data, and in which mode the graph runs."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

from slimfix.errors import UsageError
from slimfix.graphdef.batch_norm import BatchNormLayer, find_batch_norm_layers
from slimfix.graphdef.view import GraphView
from slimfix.names import split_tensor_name
from slimfix.recalibration import checks
from slimfix.recalibration.groups import (
    Group,
    group_layers,
    normalises_in,
    order_by_level,
    refuse_stored_upstream,
)
from slimfix.recalibration.sources import Source, read_sources

ONE_PASS, LAYER_BY_LAYER = METHODS = ("one_pass", "layer_by_layer")


@dataclasses.dataclass(frozen=True)
class Target:
    """Moving statistics to compute, and the inputs to compute them from.

    Attributes:
      scope: the scope of the variables.
      moving_mean, moving_variance: variable names.
      extras: names of the further statistics.
      epsilon: what the layers add to the variance.
      sources: what is normalised with these statistics: one input for each call or tower.
    """

    scope: str
    moving_mean: str
    moving_variance: str
    extras: tuple[str, ...]
    epsilon: float
    sources: tuple[Source, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of all variables to write."""
        return (self.moving_mean, self.moving_variance, *self.extras)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to measure, and how.

    Attributes:
      method: 'one_pass' or 'layer_by_layer'.
      passes: the targets of each pass over the data.
      switches: the value to give each switch, by tensor name.
      statistics: names of all statistics of the graph, those of other layers among them, which
        updates forced in place may move.
    """

    method: str
    passes: tuple[tuple[Target, ...], ...]
    switches: dict[str, bool]
    statistics: tuple[str, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of all passes."""
        return tuple(target for targets in self.passes for target in targets)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors that the measurement reads, weights among them."""
        sources = [source for target in self.targets for source in target.sources]
        weights = [source.weights for source in sources if source.weights is not None]
        return (*(source.tensor for source in sources), *weights)


def plan_recalibration(view: GraphView, method: str, scopes: str | Sequence[str] | None) -> Plan:
    """Returns the plan, or raises; nothing is run or changed.

    Args:
      view: the graph.
      method, scopes: as `recalibrate` takes them.
    Raises:
      UsageError: another method, or a scope that no batch norm lies in.
      RecalibrationError: there is no batch norm, or the method cannot serve one of those asked for.
    """
    if method not in METHODS:
        raise UsageError(f"method is 'one_pass' or 'layer_by_layer', not '{method}'")
    layers = find_batch_norm_layers(view)
    checks.refuse_unread(view)
    selected = checks.select_layers(layers, scopes)
    checks.refuse_unknown_statistics(selected)
    training = method == ONE_PASS
    groups = group_layers(selected, training)
    measured = [layer for group in groups for layer in group.measured]
    sources = read_sources(view, measured)
    upstream = {
        layer.input: view.ancestors([split_tensor_name(layer.input)[0]]) for layer in measured
    }
    if training:
        refuse_stored_upstream(groups, upstream)
        levels, switched = [groups], measured
    else:
        switched = [
            layer
            for layer in layers
            if layer in measured or any(normalises_in(layer, above) for above in upstream.values())
        ]
        checks.refuse_constant_training(switched)
        levels = order_by_level(groups, upstream)
    return Plan(
        method=method,
        passes=tuple(tuple(_target(group, sources) for group in level) for level in levels),
        switches=checks.read_switches(switched, training),
        statistics=tuple(dict.fromkeys(name for layer in layers for name in layer.statistics)),
    )


def _target(group: Group, sources: Mapping[BatchNormLayer, Source]) -> Target:
    first = group.layers[0]
    extras = [name for layer in group.layers for name in layer.extras]
    return Target(
        scope=first.scope,
        moving_mean=str(first.moving_mean),
        moving_variance=str(first.moving_variance),
        extras=tuple(dict.fromkeys(extras)),
        epsilon=first.epsilon,
        sources=tuple(dict.fromkeys(sources[layer] for layer in group.measured)),
    )
