"""Puts values into a session's variables: all of them, or none."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.errors import RestoreError, UsageError, count, explain

_ASSIGNS = ("Assign", "AssignVariableOp")
_SCOPE = "slimfix_restore/"  # With the slash: the same scope each time.


def assign(session: Any, values: Sequence[tuple[Any, np.ndarray]]) -> None:
    """Gives variables new values; if that fails midway, they get their old ones back.

    Runs the initializer of each variable with the value fed in the place of its initial value,
    and so needs no new op: the graph may be finalized.

    Args:
      session: tf.Session.
      values: pairs of a variable and its value.
    Raises:
      UsageError: a variable has no initializer that a value can be fed to.
      RestoreError: TensorFlow failed; the variables are as they were, those aside that had no
        value before.
    """
    _check_assignable(session.graph, [variable for variable, _ in values])
    old = _read_initialized(session, [variable for variable, _ in values])
    try:
        _assign(session, values)
    except BaseException as error:
        _assign(
            session,
            [(variable, old[variable.name]) for variable, _ in values if variable.name in old],
        )
        if not isinstance(error, Exception):
            raise
        reason = str(error).strip().splitlines()
        raise RestoreError(
            explain(
                f"Could not assign {count(len(values), 'variable')}; {len(old)} have their old "
                f"values back, {len(values) - len(old)} had none",
                [f"{type(error).__name__}: {reason[0] if reason else ''}"],
                cause="the device ran out of memory, or a worker was lost.",
                fix="restore in a new session.",
            )
        ) from error


def _check_assignable(graph: Any, variables: Sequence[Any]) -> None:
    bad = [
        f"'{variable.op.name}': its initializer is a {variable.initializer.type}"
        for variable in variables
        if variable.initializer.type not in _ASSIGNS
        or not graph.is_feedable(variable.initializer.inputs[1])
    ]
    if bad:
        raise UsageError(
            explain(
                f"Cannot assign {len(bad)} of {len(variables)} variables",
                bad,
                cause="their initializer is no plain assignment of a value.",
                fix="leave them out with exclude_scopes, and restore them with tf.train.Saver.",
            )
        )


def _assign(session: Any, values: Sequence[tuple[Any, np.ndarray]]) -> None:
    feed_assignments(session, [(variable.initializer, value) for variable, value in values])


def feed_assignments(session: Any, values: Sequence[tuple[Any, np.ndarray]]) -> None:
    """Runs assignments with other values in the place of those they assign, in few runs.

    Those that assign one tensor, as variables with one initial value do, cannot share a run.

    Args:
      session: tf.Session.
      values: pairs of an Assign or AssignVariableOp operation and its value.
    """
    rounds: list[tuple[list[Any], dict[Any, np.ndarray]]] = []
    used: dict[str, int] = {}
    for operation, value in values:
        tensor = operation.inputs[1]
        turn = used.get(tensor.name, 0)
        used[tensor.name] = turn + 1
        if turn == len(rounds):
            rounds.append(([], {}))
        rounds[turn][0].append(operation)
        rounds[turn][1][tensor] = value
    for operations, feed in rounds:
        session.run(operations, feed)


def _read_initialized(session: Any, variables: Sequence[Any]) -> Mapping[str, np.ndarray]:
    """Returns the values that variables have now, by name, of those that have one."""
    import tensorflow.compat.v1 as tf

    try:
        return session.run({each.name: each for each in variables})
    except tf.errors.FailedPreconditionError:  # At least one has none.
        pass
    tests = {each.name: _find_test(each) for each in variables}
    known = session.run({name: test for name, test in tests.items() if test is not None})
    have = [
        each
        for each in variables
        if (known[each.name] if each.name in known else _can_read(session, each))
    ]
    return session.run({each.name: each for each in have})


def _find_test(variable: Any) -> Any:
    """Returns the tensor that tells whether a variable has a value, made where there is none.

    A resource variable has one; ref variables have in a MonitoredSession, where the graph is
    finalized. None in a finalized graph without.
    """
    import tensorflow.compat.v1 as tf

    handle = variable.op.outputs[0]
    for op in handle.consumers():
        if op.type in ("IsVariableInitialized", "VarIsInitializedOp"):
            return op.outputs[0]
    if variable.graph.finalized:
        return None
    with variable.graph.as_default(), tf.name_scope(_SCOPE):
        return tf.is_variable_initialized(variable)


def _can_read(session: Any, variable: Any) -> bool:
    import tensorflow.compat.v1 as tf

    try:
        session.run(variable)
    except tf.errors.FailedPreconditionError:
        return False
    return True
