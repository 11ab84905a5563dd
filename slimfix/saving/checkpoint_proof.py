"""The proof that a checkpoint holds all that inference of a graph needs."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.checkpoint import Checkpoint, as_prefix, read_checkpoint
from slimfix.errors import CheckpointMismatchError, UsageError, explain, naming
from slimfix.graph.layers import view_graph
from slimfix.graph.live import bare_session, describe, list_variables
from slimfix.graph.statistics import find_layer_statistics, find_statistics
from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.roles import find_roles
from slimfix.graphdef.stored import StoredVariable, describe_node, list_meta_graph_variables
from slimfix.names import Role
from slimfix.paths import as_path
from slimfix.restoring.comparison import find_unmatched, mismatch_error
from slimfix.saving.values import describe_difference

_NEEDED = (Role.WEIGHT, Role.MOVING_STATISTIC)


@dataclasses.dataclass(frozen=True)
class CheckpointProof:
    """What `verify_checkpoint` found to be right.

    Attributes:
      prefix: the checkpoint's.
      variables: names of the variables that inference needs, all held with the graph's shape and
        dtype; as in the checkpoint, partitioned ones whole.
      statistics: those of them that are batch-norm statistics, extras included.
      values_compared: whether each has the session's value too, bit for bit.
    """

    prefix: str
    variables: tuple[str, ...]
    statistics: tuple[str, ...]
    values_compared: bool


def verify_checkpoint(
    prefix: str | os.PathLike[str], graph: Any | None = None, session: Any | None = None
) -> CheckpointProof:
    """Returns the proof that a checkpoint holds what inference of a graph needs, or raises.

    Needed are the global and model variables and all batch-norm statistics, without optimizer
    slots, shadows and the step. A variable that the network computes with counts as needed,
    whatever its name.

    Args:
      prefix: checkpoint prefix, V1 or V2.
      graph: tf.Graph, MetaGraphDef, or path of a `.meta` file; the session's graph, or the default
        graph, if None.
      session: tf.Session or MonitoredSession whose values the checkpoint has to hold, bit for
        bit; if None, names, shapes and dtypes are compared, and that each value can be read.
    Returns: CheckpointProof.
    Raises:
      CheckpointMismatchError: a variable is missing, of another shape or dtype, or differs.
      CheckpointError: the checkpoint or `.meta` file is missing or damaged.
      UsageError: graph is not the session's graph, or has no variables.
    """
    prefix = as_prefix(prefix)
    session = bare_session(session)
    if isinstance(graph, (str, os.PathLike)):
        with naming(as_path(graph, "meta file")):
            return _prove(prefix, graph, session)
    return _prove(prefix, graph, session)


def _prove(prefix: str, graph: Any, session: Any) -> CheckpointProof:
    graph = _choose_graph(graph, session)
    checkpoint = read_checkpoint(prefix)
    variables, statistics, roles = _read_graph(graph)
    if not variables:
        raise UsageError(
            explain(
                "verify_checkpoint() found no variable that inference of the graph needs",
                cause="the network was built in another graph than the default one, or not yet.",
                fix="hand over the graph, or the path of its .meta file.",
            )
        )
    unmatched = find_unmatched(
        variables, {each.name: each.name for each in variables}, checkpoint.variables, roles
    )
    if unmatched:
        raise mismatch_error(
            f"Checkpoint prefix '{prefix}' does not hold {len(unmatched)} of {len(variables)} "
            "variables that inference needs",
            unmatched,
            checkpoint.variables,
            {each.name for each in variables},
            "name the checkpoint of this graph, or save again with slimfix.build_saver()",
        )
    if session is not None:
        _compare_values(session, graph, checkpoint, variables)
    else:
        for each in variables:  # TensorFlow compares the checksums as it reads.
            checkpoint.read(each.name)
    return CheckpointProof(
        prefix=prefix,
        variables=tuple(each.name for each in variables),
        statistics=tuple(statistics),
        values_compared=session is not None,
    )


def _choose_graph(graph: Any, session: Any) -> Any:
    import tensorflow.compat.v1 as tf

    if session is None:
        return tf.get_default_graph() if graph is None else graph
    if graph is not None and graph is not session.graph:
        raise UsageError(
            explain(
                "verify_checkpoint() got a session and a graph that is not the session's",
                fix="leave graph out; the session has one.",
            )
        )
    return session.graph


def _read_graph(graph: Any) -> tuple[list[StoredVariable], list[str], Mapping[str, Role]]:
    """Returns what inference needs, the statistics among it, and the roles."""
    if isinstance(graph, (str, os.PathLike)):
        graph = read_meta(as_path(graph, "meta file"))
    view = view_graph(graph)
    if hasattr(graph, "collection_def"):  # A MetaGraphDef.
        stored = list_meta_graph_variables(graph, view)
        nodes = find_layer_statistics(view)
    else:
        stored = describe(list_variables(graph), view)
        nodes = find_statistics(graph, view)
    known = {part.node for each in stored for part in each.parts}
    stored += [describe_node(view, node) for node in nodes if node not in known]
    roles = find_roles(view, stored)
    needed = [each for each in stored if roles[each.name] in _NEEDED]
    statistics = [
        each.name
        for each in needed
        if roles[each.name] is Role.MOVING_STATISTIC
        or any(part.node in nodes for part in each.parts)
    ]
    return needed, statistics, roles


def _compare_values(
    session: Any, graph: Any, checkpoint: Checkpoint, variables: Sequence[StoredVariable]
) -> None:
    live = {variable.op.name: variable for variable in list_variables(graph)}
    parts = [(each, part) for each in variables for part in each.parts]
    _refuse_unlisted([part.node for _, part in parts if part.node not in live])
    values = session.run([live[part.node] for _, part in parts])
    items = []
    for (each, part), value in zip(parts, values):
        difference = describe_difference(value, part.cut(np.asarray(checkpoint.read(each.name))))
        if difference:
            items.append(f"'{part.node}' {each}: {difference}")
    if items:
        raise CheckpointMismatchError(
            explain(
                f"Checkpoint prefix '{checkpoint.prefix}' holds other values than the session for "
                f"{len(items)} of {len(parts)} variables",
                items,
                cause="the variables were trained, assigned or initialized since it was saved, or "
                "it is the checkpoint of another run.",
                fix="save again, or restore it first.",
            )
        )


def _refuse_unlisted(nodes: Sequence[str]) -> None:
    if nodes:
        raise UsageError(
            explain(
                f"Cannot compare the values of {len(nodes)} variables",
                [f"'{node}'" for node in nodes],
                cause="they are in no collection of the graph.",
                fix="add them to tf.GraphKeys.GLOBAL_VARIABLES, or leave session out.",
            )
        )
