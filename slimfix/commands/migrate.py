"""`slimfix migrate`: a TensorFlow 1 checkpoint becomes a verified Keras 3 model."""

from __future__ import annotations

import sys

from absl import flags

from slimfix.commands import quiet
from slimfix.commands.checkpoint_flags import define_checkpoint_flags, require
from slimfix.errors import ParityError

USAGE = "slimfix migrate --checkpoint=PREFIX --output_dir=DIR [--flag=value ...]"


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
        "outputs", [], "Tensor names to compute, with commas; found likewise.", flag_values=values
    )
    flags.DEFINE_string(
        "recording",
        None,
        "What the original network computed (.npz); the graph is run now if not given.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder to make: model.keras, parity.json, parity.html. It must not exist.",
        flag_values=values,
    )


def run(values: flags.FlagValues) -> int:
    """Migrates and prints the report; raises SlimfixError where it fails."""
    require(values, ("checkpoint", "output_dir"), USAGE)
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
        )
    except ParityError as error:
        if error.result is not None:
            print(format_terminal(error.result, colour=sys.stderr.isatty()), file=sys.stderr)
        raise
    print(format_terminal(result, colour=sys.stdout.isatty()))
    return 0
