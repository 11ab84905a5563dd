"""absl flag groups that tools share, in the vocabulary of slim's own scripts.

A tool calls the groups that it serves before it parses its flags, and the functions beside them
to turn what was parsed into what the library takes. Importing this registers no flag:

  from slimfix import flags as slim_flags
  slim_flags.define_checkpoint_flags()

Each function takes the FlagValues to work on, absl.flags.FLAGS if left out. A group that is
defined twice, or beside another module's flag of the same name, is absl's DuplicateFlagError.

Source: tensorflow/models:research/slim/train_image_classifier.py and eval_image_classifier.py, for
names, types and defaults; the batch-norm flags have slim.batch_norm's defaults.
"""

from slimfix.flags.batch_norm import batch_norm_params, define_batch_norm_flags
from slimfix.flags.checkpoints import (
    checkpoint_prefix,
    define_checkpoint_flags,
    restore_options,
)
from slimfix.flags.deployment import (
    build_device_setter,
    clone_devices,
    define_deployment_flags,
    synchronise,
)
from slimfix.flags.fine_tuning import (
    define_fine_tuning_flags,
    untrained_scopes,
    variables_to_train,
)
from slimfix.flags.learning_rate import build_learning_rate, define_learning_rate_flags
from slimfix.flags.moving_average import (
    build_moving_average,
    define_moving_average_flags,
    values_to_restore,
)
from slimfix.flags.optimizer import build_optimizer, define_optimizer_flags
from slimfix.flags.runs import define_evaluation_flags, define_training_flags

__all__ = [
    "batch_norm_params",
    "build_device_setter",
    "build_learning_rate",
    "build_moving_average",
    "build_optimizer",
    "checkpoint_prefix",
    "clone_devices",
    "define_batch_norm_flags",
    "define_checkpoint_flags",
    "define_deployment_flags",
    "define_evaluation_flags",
    "define_fine_tuning_flags",
    "define_learning_rate_flags",
    "define_moving_average_flags",
    "define_optimizer_flags",
    "define_training_flags",
    "restore_options",
    "synchronise",
    "untrained_scopes",
    "values_to_restore",
    "variables_to_train",
]
