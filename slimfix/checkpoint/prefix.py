"""A checkpoint prefix: what is there, or an error that says what was named in its place."""

from __future__ import annotations

import glob
import os
import re

from slimfix.checkpoint.files import find_files, is_file, is_remote
from slimfix.errors import CheckpointError, count, explain

# What a sharded Saver of version 1 returns and tf.train.latest_checkpoint gives.
_SHARDED_V1 = re.compile(r"-\?{5}-of-(\d{5})$")
_NOT_A_PREFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


def as_prefix(prefix: str | os.PathLike[str] | None) -> str:
    """Returns a prefix as a str. Raises CheckpointError for None, so for a checkpoint not found."""
    if prefix is None:
        raise CheckpointError(
            explain(
                "There is no checkpoint: the prefix is None",
                cause="tf.train.latest_checkpoint found none in its folder.",
                fix="look at the path of that folder.",
            )
        )
    return os.fspath(prefix)


def find_tables(prefix: str) -> list[str] | None:
    """Returns the files of a checkpoint of version 1; None if it is of version 2.

    Raises: CheckpointError: no checkpoint is there, or a file of one is missing.
    """
    if is_file(prefix + ".index"):
        if not find_files(prefix, ".data-*-of-*"):
            raise CheckpointError(
                explain(
                    f"Checkpoint prefix '{prefix}' has an .index file but no .data file",
                    cause="the .data-00000-of-00001 file was left behind in a copy.",
                    fix="copy all files that begin with the prefix.",
                )
            )
        return None
    _refuse_what_is_no_prefix(prefix)
    if is_file(prefix):
        return [prefix]
    pattern = _SHARDED_V1.search(prefix)
    found = find_files(prefix[: pattern.start()], pattern.group()) if pattern else []
    if not pattern or not found:
        raise _nothing_at(prefix)
    shards = int(pattern.group(1))
    missing = sorted({_shard(prefix, number, shards) for number in range(shards)} - set(found))
    if missing:
        raise CheckpointError(
            explain(
                f"Checkpoint prefix '{prefix}' misses {len(missing)} of {shards} files",
                [f"'{path}'" for path in missing],
                cause="they were left behind in a copy.",
                fix="copy all files that begin with the prefix.",
            )
        )
    return found


def _shard(prefix: str, number: int, shards: int) -> str:
    return f"{prefix[: -len('-?????-of-00000')]}-{number:05d}-of-{shards:05d}"


def _refuse_what_is_no_prefix(prefix: str) -> None:
    named_file = _NOT_A_PREFIX.search(prefix)
    if named_file:
        raise CheckpointError(
            explain(
                f"'{prefix}' names one file of a checkpoint, not its prefix",
                fix=f"name '{prefix[: named_file.start()]}'",
            )
        )
    if not is_remote(prefix) and os.path.isdir(prefix):
        found = _checkpoints_in(prefix)
        raise CheckpointError(
            explain(
                f"'{prefix}' is a folder, not a checkpoint prefix; it holds "
                f"{count(len(found), 'checkpoint')}",
                found,
                fix="name the prefix: the path of the .index file without '.index'.",
            )
        )


def _nothing_at(prefix: str) -> CheckpointError:
    near = [] if is_remote(prefix) else _checkpoints_in(os.path.dirname(prefix) or ".")
    return CheckpointError(
        explain(
            f"No checkpoint at prefix '{prefix}'"
            + (f"; its folder holds {count(len(near), 'checkpoint')}" if near else ""),
            near,
            fix="name the prefix: the path of the .index file without '.index'.",
        )
    )


def _checkpoints_in(folder: str) -> list[str]:
    return sorted(path[: -len(".index")] for path in glob.glob(f"{glob.escape(folder)}/*.index"))
