"""The flags that every command on a checkpoint has, and the check that those needed are given."""

from __future__ import annotations

from typing import Sequence

from absl import flags

from slimfix.errors import UsageError


def define_checkpoint_flags(values: flags.FlagValues) -> None:
    """Defines --checkpoint and --meta in `values`."""
    flags.DEFINE_string(
        "checkpoint", None, "Checkpoint prefix: the path before '.index'.", flag_values=values
    )
    flags.DEFINE_string(
        "meta", None, "Graph of the network; PREFIX.meta if not given.", flag_values=values
    )


def require(values: flags.FlagValues, names: Sequence[str], usage: str) -> None:
    """Raises UsageError unless all of these flags have a value."""
    missing = [f"--{name}" for name in names if not values[name].value]
    if missing:
        raise UsageError(f"{' and '.join(missing)} missing\nUsage: {usage}")
