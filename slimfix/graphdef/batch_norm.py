"""Finds the batch-norm layers of a graph by their structure, whatever their scopes are called."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any, Iterator, Mapping, Sequence

from slimfix import names
from slimfix.graphdef import updates as found_updates
from slimfix.graphdef.averages import MovingAverage, find_averages
from slimfix.graphdef.control_flow import lead_outside
from slimfix.graphdef.fused import find_fused
from slimfix.graphdef.normalisation import Normalisation
from slimfix.graphdef.updates import Update
from slimfix.graphdef.variables import VARIABLE_OPS, trace_variable
from slimfix.graphdef.view import GraphView
from slimfix.graphdef.written_out import find_written_out

# Ops between a parameter and the place where it scales or shifts. Not StopGradient: batch
# renormalisation puts one after the correction that it multiplies gamma with.
_PARAMETER_OPS = frozenset(
    [
        "Identity",
        "ReadVariableOp",
        "Switch",
        "Enter",
        "Cast",
        "Reshape",
        "ConcatV2",
        "Mul",
        "Add",
        "AddV2",
    ]
)


@dataclasses.dataclass(frozen=True)
class BatchNormLayer:
    """One batch normalisation of a graph.

    Attributes:
      scope: the scope of its variables, e.g. 'conv1/BatchNorm'; of its ops where it has none.
      kind: 'fused' (FusedBatchNorm ops) or 'written out' (the ops of tf.nn.batch_normalization).
      mode: 'inference' (moving statistics), 'training' (the batch's), or 'switched' by a tensor.
      switch: tensor name of what switches the mode, e.g. 'is_training:0'; None unless switched.
      trains_when: the value of `switch` that selects training mode.
      beta, gamma, moving_mean, moving_variance: variable names, no ':0'; None where the layer has
        none, or where the graph does not show it.
      extras: names of the further statistics, of zero_debias_moving_mean or renorm.
      epsilon: what is added to the variance.
      decay: of the moving statistics, as slim calls it; None unless a constant.
      update_ops: names of the nodes that assign a moving statistic or an extra from the batch.
        Of a node inside a function the name begins with that of the op that calls it.
      update_collections: names of the graph's collections that hold one of them, sorted.
      normalise_ops: names of the nodes that normalise; the last gives the result, or both do,
        one in each branch, where fused ones are switched.
      input: tensor name of what is normalised.
      output: tensor name of the result, scaled and shifted.
      batch_mean, batch_variance: tensor names of the batch's statistics, as the moving ones take
        them in; None where a session cannot fetch it, or where the graph does not show it.
      data_format: 'NHWC', 'NCHW', or None where the ops do not say.
      axis: the channels' axis: 1 or -1.
      shared: another layer of the list has the same moving statistics.
    """

    scope: str
    kind: str
    mode: str
    switch: str | None
    trains_when: bool
    beta: str | None
    gamma: str | None
    moving_mean: str | None
    moving_variance: str | None
    extras: tuple[str, ...]
    epsilon: float
    decay: float | None
    update_ops: tuple[str, ...]
    update_collections: tuple[str, ...]
    normalise_ops: tuple[str, ...]
    input: str
    output: str
    batch_mean: str | None
    batch_variance: str | None
    data_format: str | None
    axis: int
    shared: bool

    @property
    def statistics(self) -> tuple[str, ...]:
        """The names of moving_mean and moving_variance, as far as known, and of the extras."""
        moving = (self.moving_mean, self.moving_variance)
        return (*(name for name in moving if name), *self.extras)


def find_batch_norm_layers(view: GraphView) -> list[BatchNormLayer]:
    """Returns the batch-norm layers of a graph, in the order of its nodes.

    A layer that is built several times on the same variables is returned once for each time.
    Layer, instance and group norm, which have no moving statistics, are not returned. What lies
    inside function bodies is seen if `functions.inline_functions` made the view; of what is not,
    `find_unread_nodes` tells.
    """
    found = find_fused(view) + find_written_out(view)
    position = {name: index for index, name in enumerate(view.nodes)}
    found.sort(key=lambda normalisation: position[normalisation.nodes[0]])
    layers = [_read_layer(view, normalisation) for normalisation in found]
    return list(_complete(view, [layer for layer in layers if layer is not None]))


def find_unread_nodes(view: GraphView) -> list[str]:
    """Returns the names of nodes that may hide a batch norm: function calls on its statistics.

    A call counts where a variable named like a batch-norm statistic goes in. In a view with
    functions inlined only such are left as slimfix does not open: Case, map functions of datasets.
    """
    return [
        node.name
        for node in view.nodes.values()
        if any(_is_function(value) for value in node.attrs.values())
        and any(_reads_statistic(view, tensor) for tensor in node.inputs)
    ]


def _is_function(attr_value: Any) -> bool:
    return attr_value.WhichOneof("value") == "func" or len(attr_value.list.func) > 0


def _reads_statistic(view: GraphView, tensor: str) -> bool:
    return names.is_statistic_name(trace_variable(view, tensor) or "")


def _read_layer(view: GraphView, found: Normalisation) -> BatchNormLayer | None:
    mean_updates = found_updates.find_updates(view, found.batch_mean, found.nodes)
    variance_updates = found_updates.find_updates(view, found.batch_variance, found.nodes)
    moving_mean = found.moving_mean or found_updates.last_assigned(view, mean_updates)
    moving_variance = found.moving_variance or found_updates.last_assigned(view, variance_updates)
    known = moving_variance or (found.kind == "fused" and moving_mean)
    if found.mode == "training" and not known:
        return None
    updates = found_updates.add_counters(view, mean_updates + variance_updates)
    gamma = _find_parameter(view, found.scale, excluded=())
    beta = _find_parameter(view, found.offset, excluded=(gamma,))
    variables = [name for name in (moving_mean, moving_variance, beta, gamma) if name]
    trains_when = found.branch.taken_when if found.branch else True
    averages = find_averages(view, updates, trains_when)
    # Zero debiasing keeps the average of the mean in a variable of its own.
    of_mean = [moving_mean, *(update.variable for update in mean_updates)]
    return BatchNormLayer(
        scope=names.parent_scope((variables + list(found.nodes))[0]),
        kind=found.kind,
        mode=found.mode,
        switch=found.branch.predicate if found.branch else None,
        trains_when=trains_when,
        beta=beta,
        gamma=gamma,
        moving_mean=moving_mean,
        moving_variance=moving_variance,
        extras=_list_extras(updates, (moving_mean, moving_variance)),
        epsilon=found.epsilon,
        decay=_read_decay(averages, (moving_mean, moving_variance)),
        update_ops=tuple(update.node for update in updates),
        update_collections=(),
        normalise_ops=found.nodes,
        input=view.live_name(found.input),
        output=view.live_name(found.output),
        batch_mean=_batch_tensor(view, averages, of_mean, found.batch_mean),
        batch_variance=_batch_tensor(view, averages, [moving_variance], found.batch_variance),
        data_format=found.data_format,
        axis=found.axis,
        shared=False,
    )


def _read_decay(
    averages: Mapping[str, MovingAverage], moving: tuple[str | None, str | None]
) -> float | None:
    """Either one tells: the mean has another formula with zero_debias, the variance with renorm."""
    decays = [averages[name].decay for name in moving if name and name in averages]
    return next((decay for decay in decays if decay is not None), None)


def _batch_tensor(
    view: GraphView,
    averages: Mapping[str, MovingAverage],
    variables: Sequence[str | None],
    computed: Sequence[str],
) -> str | None:
    """Returns the tensor that goes into a moving statistic, else the one that was computed."""
    taken_in = [averages[name].value for name in variables if name and name in averages]
    outside = (lead_outside(view, tensor) for tensor in [*taken_in, *computed])
    found = (tensor for tensor in outside if tensor and view.is_live(tensor))
    return next((view.live_name(tensor) for tensor in found), None)


def _complete(view: GraphView, layers: list[BatchNormLayer]) -> Iterator[BatchNormLayer]:
    """Yields the layers with what no layer shows by itself."""
    users = collections.Counter(layer.moving_mean for layer in layers)
    holders = _find_holders(view)
    for layer in layers:
        held_in = {key for update in layer.update_ops for key in holders.get(update, ())}
        shared = layer.moving_mean is not None and users[layer.moving_mean] > 1
        yield dataclasses.replace(layer, update_collections=tuple(sorted(held_in)), shared=shared)


def _find_holders(view: GraphView) -> dict[str, set[str]]:
    """Returns which collections hold each update op: node name to collection names."""
    holders: dict[str, set[str]] = {}
    for key, members in view.collections.items():
        for member in members:
            for update in found_updates.updates_run_by(view, member):
                holders.setdefault(update, set()).add(key)
    return holders


def _find_parameter(
    view: GraphView, tensor: str | None, excluded: tuple[str | None, ...]
) -> str | None:
    if tensor is None:
        return None
    above = view.ancestors(
        [view.producer(tensor).name], control=False, stop=lambda node: node.op not in _PARAMETER_OPS
    )
    variables = [name for name in above if view.nodes[name].op in VARIABLE_OPS]
    candidates = {names.whole_name(name) for name in variables} - {*excluded}
    return candidates.pop() if len(candidates) == 1 else None


def _list_extras(updates: list[Update], moving: tuple[str | None, str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.variable for each in updates if each.variable not in moving))
