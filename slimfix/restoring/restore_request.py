"""What a call of `restore` asks for, as records, checked against the graph."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

from slimfix import names
from slimfix.errors import SaverError, UsageError, explain
from slimfix.graph.live import describe, flatten, is_variable, list_saveables
from slimfix.graph.statistics import find_statistics
from slimfix.graphdef.roles import find_roles
from slimfix.graphdef.stored import StoredVariable
from slimfix.graphdef.view import GraphView
from slimfix.names import Role
from slimfix.scopes import pick_by_scope


@dataclasses.dataclass(frozen=True)
class Request:
    """The variables to restore.

    Attributes:
      variables: those that are to get a value.
      given_keys: from variable name to checkpoint name, where var_list is a dict; or None.
      allowed: names of variables that may lack a value.
      excluded: names of variables that are to stay as they are.
      graph_names: names of all variables of the graph.
      roles: of all variables, by name.
      live: the tf.Variables by the name of their op.
    """

    variables: tuple[StoredVariable, ...]
    given_keys: Mapping[str, str] | None
    allowed: frozenset[str]
    excluded: tuple[str, ...]
    graph_names: frozenset[str]
    roles: Mapping[str, Role]
    live: Mapping[str, Any]


def read_request(
    graph: Any,
    view: GraphView,
    var_list: Sequence[Any] | dict[str, Any] | None,
    exclude_scopes: str | Sequence[str],
    allow_missing: str | Sequence[str],
    dropped: set[Role],
) -> Request:
    """Returns what is to be restored.

    Args:
      graph: tf.Graph.
      view: of the same graph.
      var_list, exclude_scopes, allow_missing: as `restore` takes them.
      dropped: roles that are not to be restored.
    Raises:
      SaverError: a statistic would be left out that its layer needs.
      UsageError: an entry names no variable, or something in var_list is no variable.
    """
    saveables = list_saveables(graph)
    items = saveables if var_list is None else _list_items(var_list)
    tables = [item.name for item in items if not is_variable(item)]
    listed = [item for item in items if is_variable(item)]
    everywhere = [item for item in [*saveables, *listed] if is_variable(item)]
    stored = describe(listed, view)
    all_stored = describe(everywhere, view)
    roles = find_roles(view, all_stored)
    statistics = find_statistics(graph, view)
    known = {*tables, *statistics, *(each.name for each in stored)}
    excluded = pick_by_scope(known, exclude_scopes, "exclude_scopes", "variable")
    allowed = pick_by_scope(known, allow_missing, "allow_missing", "variable")
    _refuse_tables([name for name in tables if name not in excluded])
    _refuse_lost(statistics, stored, excluded | allowed, whole_graph=var_list is None)
    excluded |= {each.name for each in stored if roles[each.name] in dropped}
    return Request(
        variables=tuple(each for each in stored if each.name not in excluded),
        given_keys=_read_keys(var_list, view) if isinstance(var_list, dict) else None,
        allowed=frozenset(allowed),
        excluded=tuple(each.name for each in stored if each.name in excluded),
        graph_names=frozenset(each.name for each in all_stored),
        roles=roles,
        live={variable.op.name: variable for variable in everywhere},
    )


def _list_items(var_list: Sequence[Any] | dict[str, Any]) -> list[Any]:
    items = var_list.values() if isinstance(var_list, dict) else var_list
    return [part for item in items for part in flatten(item)]


def _read_keys(var_list: dict[str, Any], view: GraphView) -> dict[str, str]:
    keys: dict[str, str] = {}
    for key, item in var_list.items():
        for variable in describe(flatten(item), view):
            if keys.setdefault(variable.name, key) != key:
                raise UsageError(
                    explain(
                        f"var_list gives two names for '{variable.name}'",
                        [f"'{keys[variable.name]}'", f"'{key}'"],
                        fix="give one.",
                    )
                )
    return keys


def _refuse_tables(tables: list[str]) -> None:
    if tables:
        raise UsageError(
            explain(
                f"restore() cannot fill {len(tables)} saveable objects that are no variables",
                [f"'{name}'" for name in tables],
                cause="lookup tables are restored by ops of a tf.train.Saver.",
                fix="name them in exclude_scopes, and restore them with a tf.train.Saver.",
            )
        )


def _refuse_lost(
    statistics: Mapping[str, str],
    stored: Sequence[StoredVariable],
    left_out: set[str],
    whole_graph: bool,
) -> None:
    """Refuses to restore a layer without its statistics.

    A var_list may leave out whole layers; the scope of a layer tells whether it does.
    """
    nodes = {part.node for each in stored for part in each.parts}
    lost = {
        variable: scope
        for variable, scope in statistics.items()
        if variable not in nodes
        and variable not in left_out
        and (whole_graph or any(names.in_scope(node, scope) for node in nodes))
    }
    if lost:
        raise SaverError(
            explain(
                f"restore() would leave out {len(lost)} of {len(statistics)} batch-norm statistics "
                "of layers that it restores",
                [f"'{variable}': of '{scope}'" for variable, scope in lost.items()],
                cause="moving statistics are not trainable, so that tf.trainable_variables() does "
                "not list them; or they are in no collection.",
                fix="call restore() without var_list, or add the variables named above to it; name "
                "those that are to stay as they are in exclude_scopes.",
            )
        )
