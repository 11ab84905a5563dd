"""Reads and assigns variables of a session by name, without a new op for the assignment."""

from __future__ import annotations

import contextlib
from typing import Any, Iterable, Iterator, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.errors import RecalibrationError, UsageError, explain
from slimfix.graphdef.variables import trace_variable
from slimfix.graphdef.view import GraphView, Node
from slimfix.restoring.assign import feed_assignments
from slimfix.running import explaining


def find_assignments(view: GraphView, variables: Iterable[str]) -> dict[str, Node]:
    """Returns for each variable an op that assigns it and waits for nothing: its initializer.

    Raises: RecalibrationError: the graph has no such op for some of them.
    """
    found = {name: _find_assignment(view, name) for name in variables}
    lacking = [name for name, node in found.items() if node is None]
    if lacking:
        raise RecalibrationError(
            explain(
                f"Cannot write {len(lacking)} of {len(found)} variables",
                [f"'{name}': the graph has no op that assigns it" for name in lacking],
                cause="the graph was made for inference, its variables' initializers cut off.",
                fix="use the graph of the training program.",
            )
        )
    return {name: node for name, node in found.items() if node is not None}


def _find_assignment(view: GraphView, variable: str) -> Node | None:
    assigns = [
        node
        for node in view.consumers(variable, control=False)
        if node.op in ("Assign", "AssignVariableOp")
        and node.inputs[0] == f"{variable}:0"
        and not node.control_inputs
    ]
    # The initializer has this name, which matters where it is run for the initial value.
    assigns.sort(key=lambda node: node.name != f"{variable}/Assign")
    return assigns[0] if assigns else None


def read_variables(
    session: Any, view: GraphView, variables: Sequence[str]
) -> dict[str, np.ndarray]:
    """Returns the values of variables by name.

    Raises: UsageError: some of them are not initialized.
    """
    import tensorflow.compat.v1 as tf

    with session.graph.as_default(), tf.control_dependencies(None):
        tensors = [_value_tensor(session.graph, view.nodes[name]) for name in variables]
    try:
        return dict(zip(variables, session.run(tensors)))
    except tf.errors.FailedPreconditionError as error:
        lines = str(error).strip().splitlines()
        raise UsageError(
            explain(
                f"Cannot read {len(variables)} variables: some are not initialized",
                lines[:1],
                cause="a checkpoint without moving statistics was restored.",
                fix="run tf.global_variables_initializer() first, and restore then.",
            )
        ) from error


def _value_tensor(graph: Any, node: Node) -> Any:
    import tensorflow.compat.v1 as tf

    tensor = graph.get_tensor_by_name(f"{node.name}:0")
    if node.op != "VarHandleOp":
        return tensor
    name = f"{names.MEASURING_SCOPE}/{node.name}/read"
    try:
        return graph.get_tensor_by_name(name + ":0")  # Of an earlier call.
    except KeyError:
        dtype = tf.as_dtype(node.attr("dtype"))
        return tf.raw_ops.ReadVariableOp(resource=tensor, dtype=dtype, name=name)


def assign_variables(session: Any, view: GraphView, values: Mapping[str, Any]) -> None:
    """Assigns values by variable name, by running each initializer with the value fed to it."""
    assignments = find_assignments(view, values)
    operation = session.graph.get_operation_by_name
    with explaining(session.graph):
        feed_assignments(
            session, [(operation(assignments[name].name), value) for name, value in values.items()]
        )


@contextlib.contextmanager
def switched(
    session: Any, view: GraphView, switches: Mapping[str, bool]
) -> Iterator[dict[str, bool]]:
    """Gives what to feed so that switches have these values; switches that are variables are set.

    A variable is read by as many tensors as there are layers, dropout among them, so that feeding
    one would leave the others as they are. They get their old values back at the end.

    Args:
      switches: value by tensor name.
    Yields: value by tensor name, for the feed.
    """
    variables = {tensor: trace_variable(view, tensor) for tensor in switches}
    wanted = {name: switches[tensor] for tensor, name in variables.items() if name is not None}
    before = read_variables(session, view, list(wanted)) if wanted else {}
    try:
        assign_variables(session, view, wanted)
        yield {tensor: switches[tensor] for tensor, name in variables.items() if name is None}
    finally:
        assign_variables(session, view, before)


@contextlib.contextmanager
def restored_on_failure(
    session: Any, view: GraphView, variables: Sequence[str]
) -> Iterator[dict[str, np.ndarray]]:
    """Gives the values of variables, and puts them back if the block raises anything at all."""
    find_assignments(view, variables)
    before = read_variables(session, view, variables)
    try:
        yield before
    except BaseException:
        assign_variables(session, view, before)
        raise
