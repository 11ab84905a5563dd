"""A network as the function that builds it with slim: built here, its variables matched by name."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Callable, Mapping, Sequence

from slimfix.checkpoint import Checkpoint
from slimfix.errors import UsageError, explain
from slimfix.network.network import Network, open_network
from slimfix.network.user_code import import_user_module, users_code
from slimfix.scopes import format_near

_EXAMPLE = "package.module:function"


def open_function(
    network: str | Callable[..., Any],
    arguments: Mapping[str, Any],
    input_shape: Sequence[int | None],
    checkpoint: Checkpoint,
) -> Network:
    """Returns the network that a function builds.

    The function is called once in a new graph, as slim's are: with a float32 placeholder
    [batch, *input_shape] as its first argument if it needs one, and is_training=False if it knows
    that argument and the caller does not give it. It returns the output, or that and a dict of end
    points, or a dict.

    Args:
      network: the function, or its name, 'package.module:function'.
      arguments: its keyword arguments.
      input_shape: see above; () for a function that makes its own placeholders.
      checkpoint: gives the values.
    Raises: UsageError: there is no such function, the arguments do not fit it, it fails, or it
      returns no tensor.
    """
    if isinstance(network, str):
        _check_name(network)
    import tensorflow.compat.v1 as tf

    from slimfix.compat import enable_slim

    enable_slim()
    function = network if callable(network) else _load(network)
    source = network if isinstance(network, str) else _name_of(function)
    given = _complete(function, source, arguments, input_shape)
    with tf.Graph().as_default() as graph:
        inputs = []
        if input_shape:
            inputs.append(tf.placeholder(tf.float32, [None, *input_shape], name="inputs"))
        with users_code(f"{source} fails"):
            result = function(*inputs, **given)
        outputs, default = _read_result(result, source, graph)
        with users_code(f"The graph that {source} leaves cannot be saved"):
            if tf.global_variables():
                tf.train.Saver()  # Says in the graph what its variables are called in a checkpoint.
            meta_graph = tf.train.export_meta_graph(graph=graph)
    opened = open_network(meta_graph, checkpoint, source)
    return dataclasses.replace(opened, outputs=outputs, default_outputs=default)


def _name_of(function: Callable[..., Any]) -> str:
    """Returns 'module:name'; a `functools.partial`, or an object that is called, has its kind's."""
    named = getattr(function, "func", function)
    named = named if hasattr(named, "__name__") else type(named)
    return f"{named.__module__}:{named.__name__}"


def _check_name(name: str) -> None:
    if not all(name.partition(":")):
        raise UsageError(f"network is '{name}'; want '{_EXAMPLE}'")


def _load(name: str) -> Callable[..., Any]:
    module_name, _, function_name = name.partition(":")
    module = import_user_module(module_name, "network")
    if not callable(getattr(module, function_name, None)):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise UsageError(
            f"Module '{module_name}' has no function '{function_name}'"
            + format_near(function_name, known)
        )
    function: Callable[..., Any] = getattr(module, function_name)
    return function


def _complete(
    function: Callable[..., Any],
    source: str,
    arguments: Mapping[str, Any],
    input_shape: Sequence[int | None],
) -> dict[str, Any]:
    """Returns the keyword arguments, is_training among them where the function knows it."""
    with users_code(f"{source} does not say which arguments it takes"):
        signature = inspect.signature(function)
    given = dict(arguments)
    if "is_training" in signature.parameters:
        given.setdefault("is_training", False)
    try:
        signature.bind(*(["inputs"] if input_shape else []), **given)
    except TypeError as error:
        raise UsageError(
            explain(
                f"{source}{signature} cannot be called with what was given: {error}",
                [f"input_shape: {list(input_shape) or 'none'}"]
                + [f"network_kwargs: {name}={value!r}" for name, value in arguments.items()],
                fix="give input_shape (--input_shape=224,224,3) for a first argument that is the "
                "input, the others with network_kwargs (--network_kwargs='{\"num_classes\": 10}').",
            )
        ) from error
    return given


def _read_result(result: Any, source: str, graph: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the tensor names of the end points by their names, and those of the outputs."""
    import tensorflow.compat.v1 as tf

    def is_tensor(part: Any) -> bool:  # Sparse and ragged ones are several, of another graph none.
        return isinstance(part, (tf.Tensor, tf.Variable)) and part.graph is graph

    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    outputs = [part for part in parts if is_tensor(part)]
    named = {
        str(name): tensor.name
        for part in parts
        if isinstance(part, dict)
        for name, tensor in part.items()
        if is_tensor(tensor)
    }
    default = tuple(tensor.name for tensor in outputs) or tuple(named.values())
    if not default:
        raise UsageError(
            explain(
                f"{source} returns no tensor of the graph that it was called in",
                [f"it returned {', '.join(type(part).__name__ for part in parts) or 'nothing'}"],
                fix="let it return the output, or the output and a dict of end points.",
            )
        )
    return named, default
