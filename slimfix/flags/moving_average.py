"""Flags of the exponential moving average of the trained variables."""

from __future__ import annotations

from typing import Any

from absl import flags

from slimfix.flags.kinds import define_decay

flags.disclaim_key_flags()


def define_moving_average_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --moving_average_decay."""
    define_decay(
        "moving_average_decay",
        None,
        "Decay of the moving average of the trained variables; no average is kept if not given.",
        flag_values,
    )


def build_moving_average(
    global_step: Any = None, flag_values: flags.FlagValues = flags.FLAGS
) -> Any | None:
    """Returns the tf.train.ExponentialMovingAverage that the flag asks for, None if none.

    Args:
      global_step: with it, the first steps have a lower decay: (1 + step) / (10 + step).
    """
    import tensorflow.compat.v1 as tf

    decay = flag_values.moving_average_decay
    return None if decay is None else tf.train.ExponentialMovingAverage(decay, global_step)


def values_to_restore(flag_values: flags.FlagValues = flags.FLAGS) -> str:
    """Returns the argument `values` of slimfix.restore for an evaluation: 'shadow' or 'raw'.

    A network that was trained with a moving average is evaluated with it.
    """
    return "raw" if flag_values.moving_average_decay is None else "shadow"
