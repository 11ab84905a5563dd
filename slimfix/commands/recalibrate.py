"""`slimfix recalibrate`: a new checkpoint with moving statistics computed from data."""

from __future__ import annotations

from absl import flags

from slimfix.commands import quiet
from slimfix.commands.checkpoint_flags import define_checkpoint_flags, require
from slimfix.commands.source_flags import define_allow_ops
from slimfix.errors import printable

USAGE = "slimfix recalibrate --checkpoint=PREFIX --data=FILE.npz --output=PREFIX [--flag=value ...]"


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command in `values`."""
    define_checkpoint_flags(values)
    flags.DEFINE_string(
        "data",
        None,
        "Inputs (.npz): arrays by tensor name; the first dimension counts examples.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output",
        None,
        "Prefix of the new checkpoint; its folder exists, and nothing is at the prefix.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "batch_size", 64, "Examples per batch; for one_pass, as in training.", flag_values=values
    )
    flags.DEFINE_enum(
        "method",
        "one_pass",
        ["one_pass", "layer_by_layer"],
        "one_pass: what each layer sees in training mode; layer_by_layer: in inference mode, with "
        "a pass over the data for each level of layers.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "scopes",
        None,
        "Only batch norms inside these scopes; all if not given.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "test_data",
        None,
        "Inputs and 'labels' (.npz), to report accuracy before and after; with --outputs.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "outputs", None, "Tensor name of the logits, for --test_data.", flag_values=values
    )
    define_allow_ops(values)


def run(values: flags.FlagValues) -> int:
    """Recalibrates and prints the report; raises SlimfixError where it fails."""
    require(values, ("checkpoint", "data", "output"), USAGE)
    from slimfix.checkpoint.writer import check_prefix_is_free

    check_prefix_is_free(values.output)
    from slimfix.recalibration.from_files import recalibrate_checkpoint

    with quiet.tensorflow_kept_quiet():
        result = recalibrate_checkpoint(
            checkpoint=values.checkpoint,
            output=values.output,
            data=values.data,
            meta=values.meta,
            batch_size=values.batch_size,
            method=values.method,
            scopes=values.scopes,
            test_data=values.test_data,
            outputs=values.outputs,
            allow_ops=values.allow_ops,
        )
    print(printable(str(result), lines=True))
    return 0
