"""`slimfix migrate`: a TensorFlow 1 network becomes a verified Keras 3 model."""

from __future__ import annotations

import json
import sys
from typing import Any

from absl import flags

from slimfix.commands import quiet
from slimfix.commands.checkpoint_flags import define_checkpoint_flags, require
from slimfix.errors import ParityError, UsageError

USAGE = (
    "slimfix migrate {--checkpoint=PREFIX | --frozen_graph=FILE | --saved_model=DIR} "
    "--output_dir=DIR [--flag=value ...]"
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command in `values`."""
    define_checkpoint_flags(values)
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
        "Which values to migrate where the checkpoint holds moving averages (shadows) too.",
        flag_values=values,
    )
    _define_source_flags(values)
    flags.DEFINE_string(
        "op_converters",
        None,
        "Module with converters of your own, e.g. package.my_converters.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "recording",
        None,
        "What the original network computed (.npz); the graph is run now if not given.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "exact_batch_norm",
        False,
        "Batch norms that train as slim's do; the model then loads only with slimfix.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder to make, for the model, its source and the proof. It must not exist.",
        flag_values=values,
    )


def _define_source_flags(values: flags.FlagValues) -> None:
    """Defines the flags of networks that are no checkpoint with a .meta file."""
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


def run(values: flags.FlagValues) -> int:
    """Migrates and prints the report; raises SlimfixError where it fails."""
    require(values, ("output_dir",), USAGE)
    network_kwargs = _read_json(values.network_kwargs)
    input_shape = [_read_size(size) for size in values.input_shape]
    quiet.import_tensorflow()
    from slimfix import migrate  # Says so where Keras 3 cannot be had.
    from slimfix.report.terminal import format_terminal

    try:
        result = migrate(
            checkpoint=values.checkpoint,
            output_dir=values.output_dir,
            meta=values.meta,
            inputs=values.inputs,
            outputs=values.outputs,
            recording=values.recording,
            frozen_graph=values.frozen_graph,
            saved_model=values.saved_model,
            network=values.network,
            network_kwargs=network_kwargs,
            input_shape=input_shape,
            values=values.values,
            op_converters=values.op_converters,
            exact_batch_norm=values.exact_batch_norm,
        )
    except ParityError as error:
        if error.result is not None:
            print(format_terminal(error.result, colour=sys.stderr.isatty()), file=sys.stderr)
        raise
    print(format_terminal(result, colour=sys.stdout.isatty()))
    return 0


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
