"""Restores a checkpoint into a session: all that was asked for, or an error and no change."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.checkpoint import Checkpoint, VariableSpec, as_prefix, read_checkpoint
from slimfix.errors import UsageError, explain
from slimfix.graph.layers import view_graph
from slimfix.graph.live import bare_session, dropped_roles
from slimfix.graphdef.stored import StoredVariable
from slimfix.restoring.assign import assign
from slimfix.restoring.comparison import find_unmatched, mismatch_error
from slimfix.restoring.restore_plan import RAW, choose_sources, rename_keys
from slimfix.restoring.restore_request import Request, read_request


@dataclasses.dataclass(frozen=True)
class Mismatch:
    """A variable that was left as it is because the checkpoint's is another."""

    name: str
    in_graph: StoredVariable
    in_checkpoint: VariableSpec


@dataclasses.dataclass(frozen=True)
class RestoreRecord:
    """What `restore` did. Variable names are as in a checkpoint: partitioned ones are whole.

    Attributes:
      prefix: the checkpoint's.
      restored: from the name of each variable that has a new value to the name of that value in
        the checkpoint.
      raw: those of them that got their raw value though values='shadow', for want of a shadow;
        moving statistics mostly.
      missing: variables that the checkpoint lacks and allow_missing covers; left as they were.
      mismatched: likewise, of another shape or dtype in the checkpoint.
      excluded: variables left out by exclude_scopes, optimizer_slots, shadows or step.
      unused: names in the checkpoint that no variable took.
    """

    prefix: str
    restored: Mapping[str, str]
    raw: tuple[str, ...]
    missing: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]
    excluded: tuple[str, ...]
    unused: tuple[str, ...]


def restore(
    session: Any,
    prefix: str | os.PathLike[str],
    var_list: Sequence[Any] | dict[str, Any] | None = None,
    *,
    rename: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    exclude_scopes: str | Sequence[str] = (),
    allow_missing: str | Sequence[str] = (),
    values: str | None = None,
    optimizer_slots: bool = True,
    shadows: bool = True,
    step: bool = True,
) -> RestoreRecord:
    """Gives the variables of a session their values in a checkpoint, and says which.

    Whatever is missing or does not fit, and was not allowed by name, is an error. Everything is
    read and checked before the first variable changes; no op is added to a finalized graph.

    Args:
      session: tf.Session or MonitoredSession; the variables need not be initialized.
      prefix: checkpoint prefix, V1 or V2, e.g. 'runs/model.ckpt-100'.
      var_list: variables, or a dict from checkpoint name to variable; the global and model
        variables of the session's graph if None.
      rename: pairs of a regular expression and its replacement, which make the checkpoint's name
        out of the graph's: ('^net/', 'model/net/') reads 'model/net/conv1/weights' for
        'net/conv1/weights'. `re.sub` applies each in order. Not with a dict.
      exclude_scopes: what to leave as it is: whole scopes or variable names, or one, as in slim's
        checkpoint_exclude_scopes. 'conv1' does not exclude 'conv10'.
      allow_missing: scopes or names, or one, whose variables stay as they are where the checkpoint
        lacks them or holds another shape or dtype.
      values: 'raw', or 'shadow' for the ExponentialMovingAverage of each variable that has one in
        the checkpoint. Has to be said where the checkpoint holds both and the graph has no shadow
        variables; a graph that has them resumes training, with every variable by its own name, and
        a dict as var_list says it by its names.
      optimizer_slots, shadows, step: False leaves these as they are, as in `build_saver`; a
        fine-tuning starts with optimizer_slots=False, step=False.
    Returns: RestoreRecord.
    Raises:
      CheckpointMismatchError: a variable is missing, or of another shape or dtype; or the
        checkpoint holds raw values and shadows and `values` is None.
      CheckpointError: the checkpoint is not there, or damaged.
      SaverError: var_list leaves out statistics of a layer that it restores.
      UsageError: an argument contradicts the graph; the error says how.
      RestoreError: TensorFlow failed at the assignment; old values were put back.
    """
    prefix = as_prefix(prefix)
    session = bare_session(session)
    checkpoint = read_checkpoint(prefix)
    request = read_request(
        session.graph,
        view_graph(session.graph),
        var_list,
        exclude_scopes,
        allow_missing,
        dropped_roles(optimizer_slots, shadows, step),
    )
    if not request.variables:
        raise UsageError(
            explain(
                f"restore() has nothing to restore: {len(request.graph_names)} variables in the "
                f"session's graph, {len(request.excluded)} of them excluded",
                cause="the network was built in another graph than the session's, or not yet.",
                fix="build the network first, in the graph that the session is opened for.",
            )
        )
    specs = checkpoint.variables
    if request.given_keys is not None and values is None:
        values = RAW  # A dict says which value it means.
    sources = choose_sources(
        _name_keys(request, rename), specs, request.graph_names, request.roles, values, prefix
    )
    unmatched = find_unmatched(request.variables, sources.keys, specs, request.roles)
    refused = [each for each in unmatched if each.variable.name not in request.allowed]
    if refused:
        raise mismatch_error(
            f"Cannot restore {len(refused)} of {len(request.variables)} variables from checkpoint "
            f"prefix '{prefix}'; nothing was changed",
            refused,
            specs,
            set(sources.keys.values()),
            "name what may stay as it is in exclude_scopes or allow_missing, or give the "
            "checkpoint's names with rename",
        )
    lacking = {each.variable.name for each in unmatched}
    fitting = [each for each in request.variables if each.name not in lacking]
    assign(session, _read_values(checkpoint, fitting, sources.keys, request))
    restored = {each.name: sources.keys[each.name] for each in fitting}
    taken = set(restored.values())
    return RestoreRecord(
        prefix=prefix,
        restored=restored,
        raw=tuple(each for each in sources.raw if each in restored),
        missing=tuple(each.variable.name for each in unmatched if each.found is None),
        mismatched=tuple(
            Mismatch(each.variable.name, each.variable, each.found)
            for each in unmatched
            if each.found
        ),
        excluded=request.excluded,
        unused=tuple(key for key in specs if key not in taken),
    )


def _name_keys(
    request: Request, rename: Mapping[str, str] | Sequence[tuple[str, str]]
) -> dict[str, str]:
    wanted = [each.name for each in request.variables]
    if request.given_keys is None:
        return rename_keys(wanted, rename)
    if rename:
        raise UsageError(
            explain(
                "restore() takes no rename with a dict as var_list",
                cause="the dict says already what the variables are called in the checkpoint.",
                fix="give var_list as a list.",
            )
        )
    return {name: request.given_keys[name] for name in wanted}


def _read_values(
    checkpoint: Checkpoint,
    variables: Sequence[StoredVariable],
    keys: Mapping[str, str],
    request: Request,
) -> list[tuple[Any, np.ndarray]]:
    """Reads all values, so that a damaged file is found before anything changes."""
    whole = {each.name: np.asarray(checkpoint.read(keys[each.name])) for each in variables}
    return [
        (request.live[part.node], part.cut(whole[each.name]))
        for each in variables
        for part in each.parts
    ]
