"""`slimfix migrate`: a TensorFlow 1 network becomes a verified Keras 3 model."""

from __future__ import annotations

import sys

from absl import flags

from slimfix.commands.checkpoint_flags import require
from slimfix.commands.proof import define_proof_flags, print_report
from slimfix.commands.source_flags import define_source_flags, read_source
from slimfix.writing import check_new_folder

USAGE = (
    "slimfix migrate {--checkpoint=PREFIX | --frozen_graph=FILE | --saved_model=DIR} "
    "--output_dir=DIR [--flag=value ...]"
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command in `values`."""
    define_source_flags(values)
    define_proof_flags(values)
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


def run(values: flags.FlagValues) -> int:
    """Migrates and prints the report; raises SlimfixError where it fails."""
    require(values, ("output_dir",), USAGE)
    check_new_folder(values.output_dir)
    source = read_source(values)
    from slimfix import migrate  # Says so where Keras 3 cannot be had.

    print_report(
        lambda: migrate(
            output_dir=values.output_dir,
            recording=values.recording,
            op_converters=values.op_converters,
            exact_batch_norm=values.exact_batch_norm,
            **source,
        ),
        failed_to=sys.stderr,
    )
    return 0
