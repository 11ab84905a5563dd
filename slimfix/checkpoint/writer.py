"""Writes a checkpoint without a graph, whole or not at all, and never over another."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from typing import Any, Iterator, Mapping

from slimfix.errors import UsageError, count, explain


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


def check_prefix_is_free(prefix: str) -> None:
    """Raises UsageError if any file of a checkpoint `prefix` exists, or its folder does not.

    A prefix that is a folder, which a slash at its end asks for too, names no checkpoint.
    """
    if os.path.isdir(prefix) or not os.path.basename(prefix):
        raise UsageError(
            explain(
                f"Cannot write a checkpoint at prefix '{prefix}': that is a folder",
                fix=f"name a checkpoint in it, such as '{os.path.join(prefix, 'model.ckpt')}'.",
            )
        )
    taken = _files_of(prefix)
    if taken:
        raise UsageError(
            explain(
                f"Checkpoint prefix '{prefix}' is taken by {count(len(taken), 'file')}",
                [f"'{path}'" for path in taken],
                fix="choose another prefix for the output; slimfix overwrites nothing.",
            )
        )
    folder = os.path.dirname(os.path.abspath(prefix))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            explain(
                f"Cannot write a checkpoint at prefix '{prefix}'",
                [f"'{folder}' is no folder that this user may write in"],
                fix="make the folder, or choose another prefix for the output.",
            )
        )


@contextlib.contextmanager
def new_checkpoint(prefix: str) -> Iterator[str]:
    """Gives a temporary prefix whose files get their places at `prefix` when the block ends well.

    When the block raises, nothing is left. The .index file, which makes a checkpoint of the
    others, comes last.

    Raises: UsageError: `prefix` is taken, or its folder is not there.
    """
    check_prefix_is_free(prefix)
    folder, name = os.path.split(os.path.abspath(prefix))
    temporary = tempfile.mkdtemp(prefix=f".{name}-", dir=folder)
    moved: list[str] = []
    try:
        yield os.path.join(temporary, name)
        check_prefix_is_free(prefix)
        made = sorted(os.listdir(temporary), key=lambda file: file.endswith(".index"))
        for file in made:
            place = os.path.join(folder, file)
            os.rename(os.path.join(temporary, file), place)
            moved.append(place)
    except BaseException:
        for place in moved:
            os.remove(place)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _files_of(prefix: str) -> list[str]:
    suffixes = (".index", ".meta", ".data-*-of-*")
    found = [path for suffix in suffixes for path in glob.glob(glob.escape(prefix) + suffix)]
    return sorted(found + ([prefix] if os.path.isfile(prefix) else []))
