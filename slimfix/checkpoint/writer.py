"""Writes a checkpoint without a graph, whole or not at all, and never over another."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import Any, Iterator, Mapping

from slimfix.errors import UsageError, count, explain
from slimfix.paths import as_path
from slimfix.writing import check_parent, kind_at, new_files


def write_checkpoint(prefix: str, arrays: Mapping[str, Any]) -> None:
    """Writes arrays as a checkpoint in format V2, one data file.

    Args:
      prefix: checkpoint prefix; its folder exists. See `new_checkpoint` to write it whole.
      arrays: NumPy array by variable name; any dtype that TensorFlow knows, at least one. Strings
        are arrays of bytes objects, or one of these, as `Checkpoint.read` gives a scalar.
    """
    import numpy as np
    import tensorflow.compat.v1 as tf

    # A lone bytes object loses its last zeros where NumPy chooses the dtype.
    values = {
        name: np.asarray(value, object if isinstance(value, bytes) else None)
        for name, value in arrays.items()
    }
    with tf.Graph().as_default(), tf.Session() as session:
        # Fed, for a graph with all values in it may not be larger than 2 GB.
        fed = {tf.placeholder(value.dtype, value.shape): value for value in values.values()}
        save = tf.raw_ops.SaveV2(
            prefix=os.path.abspath(prefix),
            tensor_names=list(values),
            shape_and_slices=[""] * len(values),
            tensors=list(fed),
        )
        session.run(save, fed)


def check_prefix_is_free(prefix: str | os.PathLike[str]) -> str:
    """Returns the prefix of a new checkpoint; none of its files exists, and its folder does.

    A prefix that is a folder, which a slash at its end asks for too, names no checkpoint.

    Raises: UsageError: it is not so.
    """
    prefix = as_path(prefix, "checkpoint prefix for the output")
    if os.path.isdir(prefix) or not os.path.basename(prefix):
        raise UsageError(
            explain(
                f"Cannot write a checkpoint at prefix '{prefix}': that is a folder",
                fix=f"name a checkpoint in it, such as '{os.path.join(prefix, 'model.ckpt')}'.",
            )
        )
    taken = files_of(prefix, single_file=True)
    if taken:
        raise UsageError(
            explain(
                f"Checkpoint prefix '{prefix}' is taken by {count(len(taken), 'file')}",
                [f"'{path}'" for path in taken],
                fix="choose another prefix for the output; slimfix overwrites nothing.",
            )
        )
    check_parent(prefix)
    return prefix


@contextlib.contextmanager
def new_checkpoint(prefix: str | os.PathLike[str]) -> Iterator[str]:
    """Gives a temporary prefix whose files get their places at `prefix` when the block ends well.

    When the block raises, nothing is left. The .index file, which makes a checkpoint of the
    others, comes last.

    Raises:
      UsageError: `prefix` is taken, or its folder is not there.
      OutputError: the disk is full, or another run wrote `prefix` meanwhile.
    """
    prefix = check_prefix_is_free(prefix)
    with new_files(prefix, last=".index") as temporary:
        yield temporary
        check_prefix_is_free(prefix)  # Another run's may be made of other files.


def files_of(prefix: str, single_file: bool) -> list[str]:
    """Returns the paths of all that is at the places of a checkpoint's files, whatever it is.

    Args:
      prefix: checkpoint prefix.
      single_file: the prefix itself is such a place, as it is for a V1 Saver.
    Raises: UsageError: no checkpoint can ever be there: its name is too long.
    """
    kind_at(prefix + ".data-00000-of-00001")  # The longest name.
    suffixes = (".index", ".meta", ".data-*-of-*")
    found = [path for suffix in suffixes for path in glob.glob(glob.escape(prefix) + suffix)]
    return sorted(found + ([prefix] if single_file and kind_at(prefix) else []))
