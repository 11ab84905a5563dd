"""The flags that say where a network is: a checkpoint and its graph, or what holds both."""

from __future__ import annotations

import json
from typing import Any

from absl import flags

from slimfix.commands.checkpoint_flags import define_checkpoint_flags
from slimfix.errors import UsageError


def define_source_flags(values: flags.FlagValues) -> None:
    """Defines the flags of a network, of its inputs and outputs, and of its values."""
    define_checkpoint_flags(values)
    flags.DEFINE_string(
        "frozen_graph", None, "GraphDef (.pb) with its weights in it.", flag_values=values
    )
    flags.DEFINE_string(
        "saved_model", None, "Folder of a TensorFlow 1 SavedModel.", flag_values=values
    )
    flags.DEFINE_string(
        "network",
        None,
        "In place of --meta: the function that builds the network with slim, as "
        "package.module:function.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "network_kwargs",
        None,
        "Its keyword arguments, as JSON: '{\"num_classes\": 10}'.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "input_shape",
        [],
        "Shape of its first argument without the batch: 224,224,3; not given for a function that "
        "makes its own placeholders.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "inputs",
        [],
        "Tensor names that feed the network, with commas; found if the graph leaves no doubt.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "outputs",
        [],
        "Tensor names to compute, scopes or regular expressions for node names, with commas; found "
        "likewise.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "values",
        None,
        ["raw", "shadow"],
        "Which values to take where the checkpoint holds moving averages (shadows) too.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "batch_norm",
        None,
        ["moving", "batch"],
        "Which statistics batch norms use that the graph has in training mode for good; asked for "
        "where it shows no train op.",
        flag_values=values,
    )
    define_allow_ops(values)


def define_allow_ops(values: flags.FlagValues) -> None:
    """Defines --allow_ops."""
    flags.DEFINE_list(
        "allow_ops",
        [],
        "Op types that may run although they do more than compute, with commas: PyFunc,ReadFile. "
        "For a graph that you trust.",
        flag_values=values,
    )


def read_source(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the values of these flags, as the arguments of the same names take them.

    Raises: UsageError: --network_kwargs or --input_shape cannot be read.
    """
    plain = ("checkpoint", "meta", "frozen_graph", "saved_model", "network", "values", "batch_norm")
    listed = ("inputs", "outputs", "allow_ops")
    return {
        **{name: values[name].value for name in (*plain, *listed)},
        "network_kwargs": _read_json(values.network_kwargs),
        "input_shape": [_read_size(size) for size in values.input_shape],
    }


def _read_json(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"--network_kwargs is no JSON object: {text}")
    return found


def _read_size(text: str) -> int | None:
    """Returns a size; 'None' and '?' stand for any."""
    if text in ("None", "?"):
        return None
    if not text.isdigit():
        raise UsageError(f"--input_shape has '{text}'; want whole numbers, e.g. 224,224,3")
    return int(text)
