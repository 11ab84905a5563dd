"""A checkpoint prefix: what is there, or an error that says what was named in its place."""

from __future__ import annotations

import glob
import os
import re

from slimfix.checkpoint.files import find_files, is_file, is_remote
from slimfix.errors import CheckpointError, count, explain
from slimfix.paths import as_path

# What a sharded Saver of version 1 returns and tf.train.latest_checkpoint gives.
_SHARDED_V1 = re.compile(r"-\?{5}-of-(\d{5})$")
_SHARD_V1 = re.compile(r"-\d{5}-of-(\d{5})$")
_OF_INDEX = "name the prefix: what the paths of its .index and .meta have before these endings."
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
    return as_path(prefix, "checkpoint prefix")


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
    prefix, shards = _split_sharded(prefix)
    found = find_files(prefix, f"-?????-of-{shards:05d}") if shards else []
    if not found:
        raise _nothing_at(prefix)
    wanted = {f"{prefix}-{number:05d}-of-{shards:05d}" for number in range(shards)}
    missing = sorted(wanted - set(found))
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


def meta_beside(prefix: str) -> str:
    """Returns the path at which a Saver puts the graph beside a checkpoint."""
    return _split_sharded(prefix)[0] + ".meta"


def _split_sharded(prefix: str) -> tuple[str, int]:
    """Returns a prefix without a pattern of shards at its end, and how many shards of version 1
    are there, or by the pattern should be; 0 for none."""
    pattern = _SHARDED_V1.search(prefix)
    if pattern:
        return prefix[: pattern.start()], int(pattern.group(1))
    shards = filter(None, map(_SHARD_V1.search, find_files(prefix, "-?????-of-?????")))
    return prefix, max((int(shard.group(1)) for shard in shards), default=0)


def _refuse_what_is_no_prefix(prefix: str) -> None:
    named_file = _NOT_A_PREFIX.search(prefix)
    if named_file:
        raise CheckpointError(
            explain(
                f"'{prefix}' names one file of a checkpoint, not its prefix",
                fix=f"name '{prefix[: named_file.start()]}'",
            )
        )
    if is_remote(prefix):
        return
    if os.path.isdir(prefix):
        found = _checkpoints_in(prefix)
        fix = _OF_INDEX
        if os.path.isfile(os.path.join(prefix, "saved_model.pb")):
            fix = "it is a SavedModel: name it with saved_model (--saved_model)."
        raise CheckpointError(
            explain(
                f"'{prefix}' is a folder, not a checkpoint prefix; it holds "
                f"{count(len(found), 'checkpoint')}",
                found,
                fix=fix,
            )
        )
    if os.path.basename(prefix) == "checkpoint" and os.path.isfile(prefix):
        found = _checkpoints_in(os.path.dirname(prefix) or ".")
        raise CheckpointError(
            explain(
                f"'{prefix}' only says which checkpoint of its folder is the latest; there "
                f"{'is' if len(found) == 1 else 'are'} {count(len(found), 'checkpoint')}",
                found,
                fix="name the prefix: in Python tf.train.latest_checkpoint of the folder gives it.",
            )
        )
    if prefix.endswith(".pb") and os.path.isfile(prefix):
        raise CheckpointError(
            explain(
                f"'{prefix}' is a graph, not a checkpoint",
                fix="name it with frozen_graph (--frozen_graph); a saved_model.pb by its folder "
                "with saved_model (--saved_model).",
            )
        )


def _nothing_at(prefix: str) -> CheckpointError:
    folder = os.path.dirname(prefix) or "."
    if not is_remote(prefix) and os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
        return CheckpointError(
            explain(
                f"No checkpoint can be seen at prefix '{prefix}'",
                [f"this user may not look into '{folder}'"],
                fix="give this user the right to, or copy the checkpoint to a place of yours.",
            )
        )
    near = [] if is_remote(prefix) else _checkpoints_in(folder)
    return CheckpointError(
        explain(
            f"No checkpoint at prefix '{prefix}'"
            + (f"; its folder holds {count(len(near), 'checkpoint')}" if near else ""),
            near,
            fix=_OF_INDEX,
        )
    )


def _checkpoints_in(folder: str) -> list[str]:
    """Returns the prefixes in a folder; one of version 1 is seen by the .meta beside it."""

    def all_with(ending: str) -> list[str]:
        found = glob.glob(f"{glob.escape(folder)}/*{ending}")
        return [path[: -len(ending)] for path in found if os.path.isfile(path)]

    of_v1 = [each for each in all_with(".meta") if os.path.isfile(each) or _split_sharded(each)[1]]
    return sorted({*all_with(".index"), *of_v1})
