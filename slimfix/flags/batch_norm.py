"""Flags of slim.batch_norm."""

from __future__ import annotations

from absl import flags

from slimfix.flags.kinds import define_decay

flags.disclaim_key_flags()


def define_batch_norm_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --batch_norm_decay and --batch_norm_epsilon."""
    define_decay(
        "batch_norm_decay",
        0.999,
        "Decay of the moving statistics of batch norm. Lower it for short trainings: 0.999 takes "
        "some thousand steps to forget the initial 0 and 1.",
        flag_values,
    )
    flags.DEFINE_float(
        "batch_norm_epsilon",
        0.001,
        "Added to the variance in batch norm. A checkpoint is only right with its own.",
        lower_bound=0.0,
        flag_values=flag_values,
    )


def batch_norm_params(flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, float]:
    """Returns the arguments of slim.batch_norm that the flags set.

    Hand them to `slim.arg_scope([slim.batch_norm], is_training=..., **batch_norm_params())`, or
    as normalizer_params.
    """
    return {"decay": flag_values.batch_norm_decay, "epsilon": flag_values.batch_norm_epsilon}
