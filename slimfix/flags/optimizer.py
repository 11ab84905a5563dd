"""Flags of the optimizer and its parameters."""

from __future__ import annotations

from typing import Any

from absl import flags

from slimfix.flags.kinds import define_decay

flags.disclaim_key_flags()

# Name, default, help; all float, 0 or more.
_PARAMETERS = (
    ("weight_decay", 0.00004, "Weight of the L2 penalty on the weights."),
    ("adagrad_initial_accumulator_value", 0.1, "What AdaGrad's accumulators start with."),
    ("opt_epsilon", 1.0, "Epsilon of adadelta, adam and rmsprop."),
    ("ftrl_initial_accumulator_value", 0.1, "What FTRL's accumulators start with."),
    ("ftrl_l1", 0.0, "Strength of FTRL's L1 penalty."),
    ("ftrl_l2", 0.0, "Strength of FTRL's L2 penalty."),
    ("momentum", 0.9, "Momentum of the momentum optimizer."),
    ("rmsprop_momentum", 0.9, "Momentum of rmsprop."),
)
# Name, default, help; all in [0, 1).
_DECAYS = (
    ("adadelta_rho", 0.95, "Decay rate of adadelta."),
    ("adam_beta1", 0.9, "Decay of adam's first moment."),
    ("adam_beta2", 0.999, "Decay of adam's second moment."),
    ("rmsprop_decay", 0.9, "Decay of rmsprop's mean of squares."),
)


def define_optimizer_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --optimizer, the parameters of each, and --weight_decay."""
    flags.DEFINE_enum(
        "optimizer",
        "rmsprop",
        ["adadelta", "adagrad", "adam", "ftrl", "momentum", "sgd", "rmsprop"],
        "Which optimizer trains.",
        flag_values=flag_values,
    )
    for name, default, help_text in _PARAMETERS:
        flags.DEFINE_float(name, default, help_text, lower_bound=0.0, flag_values=flag_values)
    for name, default, help_text in _DECAYS:
        define_decay(name, default, help_text, flag_values)
    flags.DEFINE_float(
        "ftrl_learning_rate_power",
        -0.5,
        "Power of FTRL's learning rate.",
        upper_bound=0.0,
        flag_values=flag_values,
    )


def build_optimizer(learning_rate: Any, flag_values: flags.FlagValues = flags.FLAGS) -> Any:
    """Returns the tf.train.Optimizer that the flags name.

    Args:
      learning_rate: scalar tensor or float, as `build_learning_rate` gives it.
    """
    import tensorflow.compat.v1 as tf

    train, values = tf.train, flag_values
    builders = {
        "adadelta": lambda: train.AdadeltaOptimizer(
            learning_rate, rho=values.adadelta_rho, epsilon=values.opt_epsilon
        ),
        "adagrad": lambda: train.AdagradOptimizer(
            learning_rate, initial_accumulator_value=values.adagrad_initial_accumulator_value
        ),
        "adam": lambda: train.AdamOptimizer(
            learning_rate,
            beta1=values.adam_beta1,
            beta2=values.adam_beta2,
            epsilon=values.opt_epsilon,
        ),
        "ftrl": lambda: train.FtrlOptimizer(
            learning_rate,
            learning_rate_power=values.ftrl_learning_rate_power,
            initial_accumulator_value=values.ftrl_initial_accumulator_value,
            l1_regularization_strength=values.ftrl_l1,
            l2_regularization_strength=values.ftrl_l2,
        ),
        "momentum": lambda: train.MomentumOptimizer(learning_rate, values.momentum),
        "sgd": lambda: train.GradientDescentOptimizer(learning_rate),
        "rmsprop": lambda: train.RMSPropOptimizer(
            learning_rate,
            decay=values.rmsprop_decay,
            momentum=values.rmsprop_momentum,
            epsilon=values.opt_epsilon,
        ),
    }
    return builders[values.optimizer]()
