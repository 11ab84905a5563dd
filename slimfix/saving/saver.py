"""A Saver that holds every moving statistic of the graph, or refuses to be built."""

from __future__ import annotations

import copy
import functools
import os
from typing import Any, Sequence

from slimfix import names
from slimfix.errors import SaverError, UsageError, explain
from slimfix.graph.layers import view_graph
from slimfix.graph.live import (
    dropped_roles,
    flatten,
    is_variable,
    list_saveables,
    roles_of_variables,
)
from slimfix.graph.statistics import find_statistics
from slimfix.graphdef.variables import trace_variable
from slimfix.graphdef.view import GraphView
from slimfix.names import Role
from slimfix.paths import as_path
from slimfix.saving.checked_saver import make_checked_saver
from slimfix.saving.read_back import find_saved_tensors
from slimfix.scopes import pick_by_scope


def build_saver(
    var_list: Sequence[Any] | dict[str, Any] | None = None,
    *,
    reshape: bool = False,
    sharded: bool = False,
    max_to_keep: int | None = 5,
    keep_checkpoint_every_n_hours: float = 10000.0,
    name: str | None = None,
    restore_sequentially: bool = False,
    saver_def: Any | None = None,
    builder: Any | None = None,
    defer_build: bool = False,
    allow_empty: bool = False,
    write_version: int = 2,
    pad_step_number: bool = False,
    save_relative_paths: bool = False,
    filename: str | os.PathLike[str] | None = None,
    optimizer_slots: bool = True,
    shadows: bool = True,
    step: bool = True,
    allow_missing: str | Sequence[str] = (),
    read_back: bool = False,
) -> Any:
    """Returns a tf.train.Saver that holds the moving statistics of every batch norm.

    `Saver(tf.trainable_variables())` loses them, and the network that is restored from it then
    normalises with a mean of 0 and a variance of 1.

    Args:
      var_list: variables, or a dict from checkpoint name to variable. All global variables,
        saveable objects and model variables if None.
      saver_def: SaverDef of a Saver that the default graph holds already; what its ops save is
        checked.
      name: of the scope of the ops; with saver_def, the scope that its graph was imported into.
      defer_build: the variables are chosen and checked when `build()` is called, as
        tf.train.Scaffold does, so that those made meanwhile are in.
      the others up to filename: as tf.train.Saver takes them.
      optimizer_slots: False leaves out what only an optimizer uses: slots, beta1_power.
      shadows: False leaves out the copies that tf.train.ExponentialMovingAverage keeps.
      step: False leaves out global_step. A variable that the network computes with is never left
        out as a slot or shadow, whatever its name. Not with var_list or saver_def.
      allow_missing: statistics that may be left out: variable names or whole scopes, or one.
      read_back: each `save` reads the checkpoint and compares every value bit for bit with what
        the run that saved it was given; it costs one reading and one fetch of all values.
    Returns: tf.train.Saver, whose `save` and `restore` take a pathlib.Path too. `save` refuses with
      a UsageError what is no path and what stands where a file of the checkpoint would go and is
      no plain file; where the disk is full it raises an OutputError.
    Raises:
      SaverError: a statistic of a batch norm of the default graph is not in var_list or
        saver_def, or with neither is in no collection. With defer_build, `build()` raises it.
      UsageError: arguments contradict each other, or an entry of allow_missing names nothing.
    """
    dropped = dropped_roles(optimizer_slots, shadows, step)
    given = [
        key
        for key, value in (("var_list", var_list), ("saver_def", saver_def))
        if value is not None
    ]
    _check_arguments(given, bool(dropped), defer_build)

    choose = functools.partial(_choose, var_list, saver_def, name, dropped, allow_missing)
    arguments = {
        "reshape": reshape,
        "sharded": sharded,
        "max_to_keep": max_to_keep,
        "keep_checkpoint_every_n_hours": keep_checkpoint_every_n_hours,
        "name": name,
        "restore_sequentially": restore_sequentially,
        "saver_def": copy.deepcopy(saver_def),  # A Saver writes into it.
        "builder": builder,
        "allow_empty": allow_empty,
        "write_version": write_version,
        "pad_step_number": pad_step_number,
        "save_relative_paths": save_relative_paths,
        "filename": None if filename is None else as_path(filename, "filename"),
    }
    return make_checked_saver(choose, read_back, defer_build, arguments)


def _check_arguments(given: list[str], narrowed: bool, defer_build: bool) -> None:
    if len(given) > 1 or (given and (narrowed or defer_build)):
        others = given[1:]
        others += ["optimizer_slots, shadows or step"] if narrowed else []
        others += ["defer_build"] if defer_build else []
        raise UsageError(
            explain(
                f"build_saver() takes no {' and no '.join(others)} with {given[0]}",
                cause=f"{given[0]} says already which variables are saved.",
                fix="leave one of them out.",
            )
        )


def _choose(
    var_list: Sequence[Any] | dict[str, Any] | None,
    saver_def: Any | None,
    name: str | None,
    dropped: set[Role],
    allow_missing: str | Sequence[str],
) -> Any:
    """Returns the var_list for a Saver of the default graph as it is now, once it is checked."""
    import tensorflow.compat.v1 as tf

    graph = tf.get_default_graph()
    view = view_graph(graph)
    if saver_def is not None:
        held = _names_in_saver_def(graph, view, saver_def, name)
    else:
        if var_list is None:
            var_list = _list_wanted(graph, view, dropped)
        items = var_list.values() if isinstance(var_list, dict) else var_list
        parts = [part for item in items for part in flatten(item)]
        held = {names.split_tensor_name(part.op.name)[0] for part in parts}
    _verify_statistics(graph, view, held, allow_missing)
    return var_list


def _list_wanted(graph: Any, view: GraphView, dropped: set[Role]) -> list[Any]:
    saveables = list_saveables(graph)
    if not dropped:
        return saveables
    roles = roles_of_variables(graph, view)
    return [
        item for item in saveables if not is_variable(item) or roles[item.op.name] not in dropped
    ]


def _names_in_saver_def(
    graph: Any, view: GraphView, saver_def: Any, import_scope: str | None
) -> set[str]:
    save_tensor = "/".join(part for part in (import_scope, saver_def.save_tensor_name) if part)
    try:
        saved = find_saved_tensors(graph, save_tensor)
    except (KeyError, ValueError) as error:
        raise UsageError(
            explain(
                f"saver_def names '{save_tensor}', which the default graph lacks",
                cause="it is the SaverDef of another graph.",
                fix="import that graph first, or leave saver_def out.",
            )
        ) from error
    traced = {trace_variable(view, each.tensor.name) for each in saved}
    return {name for name in traced if name}


def _verify_statistics(
    graph: Any, view: GraphView, held: set[str], allow_missing: str | Sequence[str]
) -> None:
    statistics = find_statistics(graph, view)
    allowed = pick_by_scope(statistics, allow_missing, "allow_missing", "statistic")
    missing = [each for each in statistics if each not in held and each not in allowed]
    if missing:
        raise SaverError(
            explain(
                f"The Saver would leave out {len(missing)} of {len(statistics)} batch-norm "
                "statistics",
                [f"'{variable}': of '{statistics[variable]}'" for variable in missing],
                cause="moving statistics are not trainable, so that tf.trainable_variables() does "
                "not list them, nor does slim.get_model_variables() list those of zero_debias "
                "and renorm.",
                fix="call build_saver() without var_list, or add the variables named above to it; "
                "name those that are to be left out in allow_missing.",
            )
        )
