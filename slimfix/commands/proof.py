"""What the commands that prove a model share: the flags of the proof, and its report."""

from __future__ import annotations

import sys
from typing import Any, Callable, TextIO

from absl import flags

from slimfix.commands import quiet
from slimfix.errors import ParityError


def define_proof_flags(values: flags.FlagValues) -> None:
    """Defines --op_converters and --recording in `values`."""
    flags.DEFINE_string(
        "op_converters",
        None,
        "Module with converters of your own, e.g. package.my_converters.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "recording",
        None,
        "What the original network computed, as slimfix record wrote it (.npz); the graph is run "
        "now if not given.",
        flag_values=values,
    )


def print_report(prove: Callable[[], Any], failed_to: TextIO) -> None:
    """Prints the report of a proof, in colour where it goes to a terminal.

    Args:
      prove: returns the MigrationResult, or raises the ParityError that holds it.
      failed_to: where the report of a proof that failed goes; that of one that passed goes to
        standard output.
    Raises: what `prove` raises.
    """
    try:
        with quiet.tensorflow_kept_quiet():
            result = prove()
    except ParityError as error:
        if error.result is not None:
            _print(error.result, failed_to)
        raise
    _print(result, sys.stdout)


def _print(result: Any, stream: TextIO) -> None:
    from slimfix.report.terminal import format_terminal  # Needs Keras 3.

    print(format_terminal(result, colour=stream.isatty()), file=stream)
