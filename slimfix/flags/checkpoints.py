"""Flags of the checkpoint that a training or an evaluation starts from."""

from __future__ import annotations

from typing import Any

from absl import flags

from slimfix import names
from slimfix.checkpoint import read_checkpoint
from slimfix.errors import CheckpointError, explain
from slimfix.flags.kinds import split_scopes
from slimfix.paths import as_path

flags.disclaim_key_flags()


def define_checkpoint_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --checkpoint_path, --checkpoint_exclude_scopes and --ignore_missing_vars."""
    flags.DEFINE_string(
        "checkpoint_path",
        None,
        "Checkpoint to start from: its prefix, the path before '.index', or the folder whose "
        "newest one is meant.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "checkpoint_exclude_scopes",
        None,
        "Scopes of variables that are not restored, between commas. 'conv1' is no part of "
        "'conv10'.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "ignore_missing_vars",
        False,
        "Whether variables that the checkpoint lacks keep their initial values. The statistics of "
        "batch norm never do.",
        flag_values=flag_values,
    )


def checkpoint_prefix(flag_values: flags.FlagValues = flags.FLAGS) -> str:
    """Returns the prefix of the checkpoint that --checkpoint_path names.

    Raises: CheckpointError: the flag is not given, or names a folder without a checkpoint.
    """
    import tensorflow.compat.v1 as tf

    path = flag_values.checkpoint_path
    if not path:
        raise CheckpointError(explain("No checkpoint is named", fix="give --checkpoint_path."))
    path = as_path(path, "value of --checkpoint_path")  # A program may set it to a pathlib.Path.
    if not tf.gfile.IsDirectory(path):
        return path
    prefix = tf.train.latest_checkpoint(path)
    if prefix is None:
        raise CheckpointError(
            explain(
                f"No checkpoint in the folder '{path}'",
                cause="its file named 'checkpoint', which tells the newest, was left behind.",
                fix="name one by its prefix in --checkpoint_path.",
            )
        )
    return str(prefix)


def restore_options(flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
    """Returns the arguments of slimfix.restore that the flags set: exclude_scopes, allow_missing.

    --ignore_missing_vars allows by name what the default graph has and the checkpoint lacks, but
    for the statistics of batch norm: a network without them computes something else. Leave those
    of new layers out by --checkpoint_exclude_scopes.

    Raises: CheckpointError: as of `checkpoint_prefix`, or the checkpoint cannot be read.
    """
    return {
        "exclude_scopes": split_scopes(flag_values.checkpoint_exclude_scopes),
        "allow_missing": _lacking(flag_values) if flag_values.ignore_missing_vars else (),
    }


def _lacking(flag_values: flags.FlagValues) -> tuple[str, ...]:
    """Returns the variables of the default graph that the checkpoint lacks, no statistics."""
    import tensorflow.compat.v1 as tf

    excluded = split_scopes(flag_values.checkpoint_exclude_scopes)
    stored = read_checkpoint(checkpoint_prefix(flag_values)).variables
    wanted = [names.whole_name(variable.op.name) for variable in tf.global_variables()]
    return tuple(
        name
        for name in dict.fromkeys(wanted)
        if name not in stored
        and not names.is_statistic_name(name)
        and not any(names.in_scope(name, scope) for scope in excluded)
    )
