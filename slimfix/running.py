"""Runs a session, and says in a user's words what TensorFlow says of a run that fails."""

from __future__ import annotations

import contextlib
import re
from typing import Any, Iterator

import numpy as np

from slimfix.errors import (
    MigrationError,
    SlimfixError,
    UnsupportedEnvironmentError,
    UsageError,
    explain,
    reason,
)
from slimfix.graphdef.variables import VARIABLE_OPS

_NO_KERNEL = re.compile(r"No OpKernel|No registered|Unimplemented|not implemented|only supports")
_NODE = re.compile(r"\[\[(?:\{\{)?node ([^\s}]+)")
_OF_PYTHON = ("EagerPyFunc", "PyFunc", "PyFuncStateless")
_HANDED_ON = ("Identity", "RefIdentity", "Switch", "RefSwitch", "All", "ReadVariableOp")
# How deep a condition is spelt out, how many ops of it, and how many operands of each.
_DEEP, _MOST, _WIDE = 6, 30, 8


@contextlib.contextmanager
def session_of(graph: Any) -> Iterator[Any]:
    """Gives a session, not the default one, that runs a graph as it is, and closes it.

    Grappler would fuse ops, which rounds in another way, take away a tensor that is asked for, and
    overflow its stack, which ends the process, on a few hundred additions in a row.
    """
    import tensorflow.compat.v1 as tf

    as_it_is = tf.ConfigProto()
    as_it_is.graph_options.rewrite_options.disable_meta_optimizer = True
    with contextlib.closing(tf.Session(graph=graph, config=as_it_is)) as session:
        yield session


def run_session(session: Any, fetches: Any, feeds: Any = None) -> Any:
    """Returns what `session.run` returns.

    Raises: UsageError: a value has not the shape or dtype of what it is fed to; or as `explaining`.
    """
    with explaining(session.graph):
        try:
            return session.run(fetches, feeds)
        except (TypeError, ValueError) as error:
            if not feeds:
                raise
            raise UsageError(
                explain(
                    "The graph does not take a value that is fed",
                    [reason(error)],
                    fix="give values of the shapes and dtypes of the tensors that they are for.",
                )
            ) from error


@contextlib.contextmanager
def explaining(graph: Any) -> Iterator[None]:
    """Says in a user's words what TensorFlow says of a run of a graph that fails.

    Raises:
      UsageError: the graph does not take the values that are fed; a tf.Assert, say.
      UnsupportedEnvironmentError: TensorFlow has no kernel here for an op.
    """
    import tensorflow.compat.v1 as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise _explained(error, _operation(graph, error)) from error


@contextlib.contextmanager
def building(error_type: type[SlimfixError] = MigrationError) -> Iterator[None]:
    """Says in a user's words what TensorFlow says of a graph that it does not take.

    For imports of graphs and for gradients, by which it finds that shapes do not fit, or an op has
    no gradient.
    """
    import tensorflow.compat.v1 as tf

    try:
        yield
    except (LookupError, ValueError, TypeError, tf.errors.OpError) as error:
        raise error_type(
            explain(
                f"TensorFlow {tf.__version__} refuses the graph",
                [reason(error)],
                cause="attributes or shapes of its ops do not go together, as after an edit of the "
                "file; or the op is not in this TensorFlow.",
                fix="save the graph again with the TensorFlow that it was built with.",
            )
        ) from error


def _operation(graph: Any, error: Any) -> Any:
    """Returns the tf.Operation that failed, None where it is not known.

    TensorFlow takes numbers in its own message, '[[1 2 3', for the name of the node.
    """
    found = _NODE.search(str(error.message))
    try:
        return graph.get_operation_by_name(found.group(1)) if found else error.op
    except (KeyError, ValueError):
        return None


def _explained(error: Any, op: Any) -> SlimfixError:
    import tensorflow.compat.v1 as tf

    sentence = reason(error)
    if isinstance(error, tf.errors.UnimplementedError) or _NO_KERNEL.search(str(error.message)):
        return UnsupportedEnvironmentError(
            explain(
                f"TensorFlow {tf.__version__} cannot run this network here",
                [sentence],
                cause="it has no such kernel on this machine.",
                fix="leave out levels, for gradients need kernels of their own (--levels), or "
                "record on another TensorFlow.",
            )
        )
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return UsageError(
            explain(
                "There is not enough memory to run this network on these inputs",
                [sentence],
                fix="give fewer or smaller samples with data (--data).",
            )
        )
    if op is not None and op.type in VARIABLE_OPS:
        return UsageError(
            explain(
                f"TensorFlow makes no variable of {op.type} '{op.name}'",
                [sentence],
                cause="the file of the graph was changed.",
                fix="copy it again from where the model was trained.",
            )
        )
    if op is not None and op.type in _OF_PYTHON:
        return UsageError(
            explain(
                f"TensorFlow cannot run {op.type} '{op.name}' here",
                [sentence],
                cause="it calls a Python function, which is only in the program that made it; a "
                "file has no more than a number for it.",
                fix="feed what it gives: name it, or a tensor behind it, as an input (--inputs), "
                "for recalibrate as an array of the data.",
            )
        )
    if op is None:
        where, condition = "", []
    elif op.type == "Assert":
        where, condition = f" at Assert '{op.name}'", [f"it wants {_expression(op.inputs[0])}"]
    else:
        where, condition = f" at {op.type} '{op.name}'", []
    return UsageError(
        explain(
            f"The network does not take these inputs: TensorFlow stops{where}",
            [sentence, *condition],
            cause="the values or sizes that are fed are not such as the network was made for.",
            fix="give inputs of your own: data (--data) for record and verify, recording "
            "(--recording) for migrate and verify.",
        )
    )


def _expression(tensor: Any, deep: int = 0, shown: list[Any] | None = None) -> str:
    """Returns what computes a tensor, in short: LessEqual(Max(Abs(x)), 1.0).

    Args: `deep` and `shown`: how deep it lies, and the ops that are spelt out already.
    """
    shown = [] if shown is None else shown
    op = tensor.op
    while op.type in _HANDED_ON and op.inputs:
        op = op.inputs[0].op
    if op.type == "Const":
        import tensorflow.compat.v1 as tf

        value = np.asarray(tf.get_static_value(op.outputs[0]))
        return str(value) if value.size == 1 else f"'{op.name}'"
    if not op.inputs or deep == _DEEP or len(shown) >= _MOST:
        return f"'{op.name}'"
    shown.append(op)
    read = [each for index, each in enumerate(op.inputs) if not (index and _is_axes(op))]
    texts = [_expression(each, deep + 1, shown) for each in read[:_WIDE]]
    return f"{op.type}({', '.join([*texts, *(['...'] if len(read) > _WIDE else [])])})"


def _is_axes(op: Any) -> bool:
    return op.type in ("Max", "Mean", "Min", "Sum")
