"""Flags of the learning rate and of how it falls."""

from __future__ import annotations

from typing import Any

from absl import flags

flags.disclaim_key_flags()


def define_learning_rate_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --learning_rate, --learning_rate_decay_type and its parameters."""
    flags.DEFINE_float(
        "learning_rate", 0.01, "Initial learning rate.", lower_bound=0.0, flag_values=flag_values
    )
    flags.DEFINE_enum(
        "learning_rate_decay_type",
        "exponential",
        ["fixed", "exponential", "polynomial"],
        "How the learning rate falls.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "end_learning_rate",
        0.0001,
        "The lowest learning rate of a polynomial decay.",
        lower_bound=0.0,
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "learning_rate_decay_factor",
        0.94,
        "What an exponential decay multiplies the learning rate with each time.",
        lower_bound=0.0,
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "num_epochs_per_decay",
        2.0,
        "Epochs after which the learning rate falls; all epochs of a polynomial decay.",
        lower_bound=0.0,
        flag_values=flag_values,
    )


def build_learning_rate(
    global_step: Any, steps_per_epoch: float, flag_values: flags.FlagValues = flags.FLAGS
) -> Any:
    """Returns the learning rate of a step.

    Args:
      global_step: the variable that counts the steps.
      steps_per_epoch: samples of the training set, over those of one step of all workers.
    Returns: scalar float32 tensor.
    """
    import tensorflow.compat.v1 as tf

    values = flag_values
    decay_steps = max(1, int(steps_per_epoch * values.num_epochs_per_decay))
    if values.learning_rate_decay_type == "exponential":
        return tf.train.exponential_decay(
            values.learning_rate,
            global_step,
            decay_steps,
            values.learning_rate_decay_factor,
            staircase=True,
            name="exponential_decay_learning_rate",
        )
    if values.learning_rate_decay_type == "polynomial":
        return tf.train.polynomial_decay(
            values.learning_rate,
            global_step,
            decay_steps,
            values.end_learning_rate,
            name="polynomial_decay_learning_rate",
        )
    return tf.constant(values.learning_rate, name="fixed_learning_rate")
