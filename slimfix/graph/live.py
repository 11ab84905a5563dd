"""The variables of a live graph: which there are, and what they are for."""

from __future__ import annotations

from typing import Any

from slimfix.graphdef.roles import find_roles
from slimfix.graphdef.stored import StoredVariable, describe_variables
from slimfix.graphdef.view import GraphView
from slimfix.names import Role


def list_saveables(graph: Any) -> list[Any]:
    """Returns the global variables, saveable objects and model variables, without doubles."""
    import tensorflow.compat.v1 as tf

    keys = tf.GraphKeys
    found: dict[str, Any] = {}
    for key in (keys.GLOBAL_VARIABLES, keys.SAVEABLE_OBJECTS, keys.MODEL_VARIABLES):
        for item in graph.get_collection(key):
            found.setdefault(item.name, item)
    return list(found.values())


def is_variable(item: Any) -> bool:
    """Tells a variable, of either kind, from a lookup table and other saveable objects."""
    import tensorflow as tf

    return isinstance(item, (tf.compat.v1.Variable, tf.Variable))


def flatten(item: Any) -> list[Any]:
    """Returns what one entry of a var_list stands for: the parts of a partitioned variable."""
    is_partitioned = isinstance(item, (list, tuple)) or hasattr(item, "as_tensor")
    return list(item) if is_partitioned else [item]


def list_variables(graph: Any) -> list[Any]:
    """Returns the global and model variables, the parts of partitioned ones one by one."""
    return [item for item in list_saveables(graph) if is_variable(item)]


def describe(variables: list[Any], view: GraphView) -> list[StoredVariable]:
    """Returns what a Saver would store for these variables."""
    return describe_variables([each.to_proto() for each in variables], view)


def roles_of_variables(graph: Any, view: GraphView) -> dict[str, Role]:
    """Returns the role of each variable, by the name of its op."""
    stored = describe(list_variables(graph), view)
    roles = find_roles(view, stored)
    return {part.node: roles[each.name] for each in stored for part in each.parts}


def dropped_roles(optimizer_slots: bool, shadows: bool, step: bool) -> set[Role]:
    """Returns the roles that a caller does not want."""
    choices = {Role.OPTIMIZER_SLOT: optimizer_slots, Role.SHADOW: shadows, Role.STEP: step}
    return {role for role, wanted in choices.items() if not wanted}


def bare_session(session: Any) -> Any:
    """Returns the tf.Session inside a MonitoredSession, whose own run would call its hooks."""
    if hasattr(session, "run_step_fn"):
        return session.run_step_fn(lambda step_context: step_context.session)
    return session
