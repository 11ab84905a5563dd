"""Flags of one run: where it writes, how long it takes, how often it reports."""

from __future__ import annotations

from absl import flags

flags.disclaim_key_flags()


def define_training_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --train_dir, --batch_size, --max_number_of_steps, and how often to log and save."""
    flags.DEFINE_string(
        "train_dir",
        "/tmp/tfmodel/",
        "Where checkpoints and event logs go.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "batch_size", 32, "Samples in each step.", lower_bound=1, flag_values=flag_values
    )
    flags.DEFINE_integer(
        "max_number_of_steps",
        None,
        "Number of training steps; without end if not given.",
        lower_bound=1,
        flag_values=flag_values,
    )
    for name, default, unit, what in (
        ("log_every_n_steps", 10, "steps", "log lines"),
        ("save_interval_secs", 600, "seconds", "checkpoints"),
        ("save_summaries_secs", 600, "seconds", "summaries"),
    ):
        flags.DEFINE_integer(
            name, default, f"{unit} between {what}.".capitalize(), lower_bound=1,
            flag_values=flag_values,
        )  # fmt: skip


def define_evaluation_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --eval_dir, --batch_size and --max_num_batches, as an evaluation has them.

    Its --batch_size is not that of `define_training_flags`: a tool has one or the other.
    """
    flags.DEFINE_string(
        "eval_dir", "/tmp/tfmodel/", "Where the results go.", flag_values=flag_values
    )
    flags.DEFINE_integer(
        "batch_size", 100, "Samples in each batch.", lower_bound=1, flag_values=flag_values
    )
    flags.DEFINE_integer(
        "max_num_batches",
        None,
        "Number of batches to evaluate; the whole set if not given.",
        lower_bound=1,
        flag_values=flag_values,
    )
