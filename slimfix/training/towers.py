"""One update for each moving statistic, where towers or calls share a batch norm."""

from __future__ import annotations

import collections
from typing import Any, List, Sequence, cast

from slimfix.errors import UpdateOpsError, UsageError, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.updates import updates_run_by
from slimfix.graphdef.view import GraphView
from slimfix.graphdef.weighted import weighs_examples
from slimfix.training.update_faults import op_name

POLICIES = ("first", "all", "merge")

_Group = List[BatchNormLayer]


def combine_updates(
    graph: Any,
    view: GraphView,
    layers: Sequence[BatchNormLayer],
    update_ops: Sequence[Any],
    in_place: set[str],
    policy: str,
) -> list[Any]:
    """Returns update ops of which no two assign the same moving statistic.

    With m_i, v_i the batch mean and variance of tower i as its own update takes them in, n_i its
    elements per channel and r = 1 - decay, the one assignment of each statistic is:

    - 'first': that of the tower built first; the others are left out.
    - 'all': what the towers' updates would do one after the other, in the order in which they were
      built: s <- s - (s - m_1) r, then s <- s - (s - m_2) r, ...
    - 'merge': one update by the batch that all towers see together, M = sum(n_i m_i) / N and
      V = sum(n_i (v_i + (m_i - M)^2)) / N, N = sum(n_i); exact, by the law of total variance.
      The fused op hands out v_i n_i / (n_i - 1): then V is that of the one batch, V N / (N - 1).

    Args:
      graph: tf.Graph that gets the new ops; for 'first' none.
      view, layers: what was read of it.
      update_ops: ops to choose from, in the order in which they were built.
      in_place: names of the nodes that run whatever is chosen.
      policy: 'first', 'all' or 'merge'.
    Returns: list: `update_ops` without those of shared layers, then one or two for each group of
      layers that share statistics.
    Raises:
      UsageError: no such policy.
      UpdateOpsError: a shared layer is updated in a way that cannot be combined, or in place.
    Source: 'merge': Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for
      computing sample variances, formula 2.1.
    """
    if policy not in POLICIES:
        raise UsageError(
            explain(
                f"There is no policy '{policy}' for towers",
                fix="choose "
                + ", ".join(repr(each) for each in POLICIES)
                + ", or None to run the update ops as they are.",
            )
        )
    runs = {op_name(item): updates_run_by(view, op_name(item)) for item in update_ops}
    groups = _find_groups(layers, in_place.union(*runs.values()))
    _refuse_in_place(groups, in_place, policy)
    own = {name for group in groups for layer in group for name in layer.update_ops}
    kept = [item for item in update_ops if not runs[op_name(item)] & own]
    shared = [item for item in update_ops if runs[op_name(item)] & own]
    if policy == "first":
        return kept + _first(groups, shared, runs)
    faults = [fault for group in groups for fault in _find_faults(view, group)]
    if faults:
        raise UpdateOpsError(
            explain(
                f"Cannot combine the updates of {len(faults)} batch-norm layers that towers share",
                faults,
                fix="choose towers='first', or None to run the update ops as they are.",
            )
        )
    variables = _find_variables(graph, groups)
    with graph.as_default():
        built = [_build(view, group, variables, policy == "merge") for group in groups]
    return kept + [op for ops in built for op in ops]


def _find_groups(layers: Sequence[BatchNormLayer], updates: set[str]) -> list[_Group]:
    """Returns the layers that share statistics and that some of the updates serve."""
    groups: dict[str, _Group] = collections.OrderedDict()
    for layer in layers:
        if layer.shared and layer.moving_mean and updates.intersection(layer.update_ops):
            groups.setdefault(layer.moving_mean, []).append(layer)
    return [group for group in groups.values() if len(group) > 1]


def _refuse_in_place(groups: Sequence[_Group], in_place: set[str], policy: str) -> None:
    """Raises where towers update a statistic whatever is chosen; the first may, for 'first'."""
    faults = []
    for group in groups:
        allowed = group[0].update_ops if policy == "first" else ()
        updates = {name for layer in group for name in layer.update_ops} - {*allowed}
        forced = sorted(updates & in_place)
        if forced:
            faults.append(f"'{group[0].scope}': {', '.join(map(repr, forced))} would run as well")
    if faults:
        raise UpdateOpsError(
            explain(
                f"Cannot give one update to {len(faults)} of {len(groups)} batch-norm layers that "
                "towers share",
                faults,
                cause="the layers were built with updates_collections=None, or the train op "
                "depends on their updates already.",
                fix="leave updates_collections at its default, and hand over a train op that does "
                "not run the updates; or leave towers at None.",
            )
        )


def _first(groups: Sequence[_Group], shared: Sequence[Any], runs: dict[str, set[str]]) -> list[Any]:
    first = {name for group in groups for name in group[0].update_ops}
    others = {name for group in groups for layer in group[1:] for name in layer.update_ops} - first
    chosen = [item for item in shared if runs[op_name(item)] & first]
    mixed = [op_name(item) for item in chosen if runs[op_name(item)] & others]
    if mixed:
        raise UpdateOpsError(
            explain(
                f"{len(mixed)} of {len(shared)} update ops serve the first tower and others",
                [repr(name) for name in mixed],
                cause="the updates of several towers were grouped into one op.",
                fix="hand the updates over one by one, as UPDATE_OPS holds them.",
            )
        )
    return chosen


def _find_faults(view: GraphView, group: _Group) -> list[str]:
    faults = []
    if len({layer.decay for layer in group}) > 1:
        faults.append("its towers have several decays")
    if len({(layer.switch, layer.trains_when) for layer in group}) > 1:
        faults.append("its towers are switched by several tensors")
    if len({layer.kind for layer in group}) > 1:
        faults.append("it is fused in one tower and written out in another")
    for layer in group:
        if layer.decay is None:
            faults.append("its decay is no constant")
        if layer.extras:
            faults.append("it keeps statistics of zero_debias_moving_mean or renorm")
        if layer.moving_variance is None or None in (layer.batch_mean, layer.batch_variance):
            faults.append("its batch statistics are made inside a branch, or not to be seen")
        if weighs_examples(view, layer):
            faults.append("it weighs examples by batch_weights")
    return [f"'{group[0].scope}': {fault}" for fault in dict.fromkeys(faults)]


def _find_variables(graph: Any, groups: Sequence[_Group]) -> dict[str, Any]:
    """Returns the variables of the groups by name."""
    found = {
        item.op.name: item
        for key in graph.get_all_collection_keys()
        for item in graph.get_collection(key)
        if hasattr(item, "assign_sub")
    }
    wanted = [(group[0].moving_mean, group[0].moving_variance) for group in groups]
    lost = [name for pair in wanted for name in pair if name not in found]
    if lost:
        raise UpdateOpsError(
            explain(
                f"{len(lost)} moving statistics that towers share are in no collection",
                [repr(name) for name in lost],
                fix="make them with collections=[tf.GraphKeys.GLOBAL_VARIABLES].",
            )
        )
    return found


def _build(view: GraphView, group: _Group, variables: dict[str, Any], merged: bool) -> list[Any]:
    import tensorflow.compat.v1 as tf

    graph = tf.get_default_graph()
    layer = group[0]
    scope = layer.scope.replace("/", "_")
    with tf.name_scope(f"towers/{scope}"):
        means = [graph.get_tensor_by_name(each.batch_mean) for each in group]
        spreads = [graph.get_tensor_by_name(each.batch_variance) for each in group]
        if merged:
            mean, spread = _pool(view, graph, group, means, spreads)
            means, spreads = [mean], [spread]
        training = tf.constant(True)
        if layer.switch:
            training = tf.equal(graph.get_tensor_by_name(layer.switch), layer.trains_when)
        rate = 1.0 - cast(float, layer.decay)
        pairs = ((layer.moving_mean, means), (layer.moving_variance, spreads))
        return [_step(variables[cast(str, name)], values, rate, training) for name, values in pairs]


def _step(variable: Any, values: Sequence[Any], rate: float, training: Any) -> Any:
    """Returns the op that moves a variable by each value in turn, in one assignment.

    Outside training it moves nothing. A factor of 0 would not do: TensorFlow 1.15's fused op
    then hands out whatever lay in memory, NaN at times.
    """
    import tensorflow.compat.v1 as tf

    before = tf.convert_to_tensor(variable)
    after = before
    for value in values:
        after -= (after - tf.reshape(value, variable.shape)) * rate
    delta = tf.where(training, before - after, tf.zeros_like(before))
    return variable.assign_sub(delta).op  # What other workers add meanwhile stays.


def _pool(
    view: GraphView, graph: Any, group: _Group, means: Sequence[Any], spreads: Sequence[Any]
) -> tuple[Any, Any]:
    """Returns the mean and variance of all towers' elements, as `combine_updates` says."""
    import tensorflow.compat.v1 as tf

    dtype = means[0].dtype
    corrected = group[0].kind == "fused"
    counts = [
        tf.cast(tf.size(graph.get_tensor_by_name(layer.input)) // tf.size(mean), dtype)
        for layer, mean in zip(group, means)
    ]
    total = sum(counts[1:], counts[0])
    shares = [count / total for count in counts]
    mean = _weigh(means, shares)
    within = [
        each * _less_one(count) / count if corrected else each
        for each, count in zip(spreads, counts)
    ]
    around = [each + tf.square(center - mean) for each, center in zip(within, means)]
    spread = _weigh(around, shares)
    return mean, (spread * total / _less_one(total) if corrected else spread)


def _weigh(values: Sequence[Any], shares: Sequence[Any]) -> Any:
    """Returns the sum of share * value; the NaN of a tower without examples counts as nothing."""
    import tensorflow.compat.v1 as tf

    return sum(tf.math.multiply_no_nan(*each) for each in zip(values, shares))


def _less_one(count: Any) -> Any:
    """Returns N - 1, but at least 1, as the fused op divides."""
    import tensorflow.compat.v1 as tf

    return tf.maximum(count - 1, 1)
