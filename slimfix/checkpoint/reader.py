"""Reads a checkpoint prefix into plain data, with an error that says what is wrong with it."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from typing import Any

import numpy as np

from slimfix.errors import CheckpointError, count, explain
from slimfix.paths import as_path

# What a sharded Saver of version 1 returns and tf.train.latest_checkpoint gives.
_SHARDED_V1 = re.compile(r"-\?{5}-of-\d{5}$")
# Of V1 checkpoints: partitioned variables, and on TensorFlow 1.15 bool ones.
_READER_REFUSES = ("Sliced checkpoints are not supported", "Data type not supported")
_NOT_A_PREFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


@dataclasses.dataclass(frozen=True)
class VariableSpec:
    """A variable as the checkpoint's index lists it."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"[{','.join(map(str, self.shape))}] {self.dtype}"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """An open checkpoint.

    Attributes:
      prefix: the path before '.index'.
      variables: every variable by name, in sorted order. Partitioned ones appear whole.
    """

    prefix: str
    variables: dict[str, VariableSpec]
    _reader: Any = dataclasses.field(repr=False, compare=False)

    def read(self, name: str) -> np.ndarray:
        """Returns the value of one variable.

        Raises:
          KeyError: the checkpoint has no such variable.
          CheckpointError: the data file is missing, cut short or damaged.
        """
        if name not in self.variables:
            raise KeyError(name)
        try:
            return self._read(name)
        except Exception as error:  # TensorFlow raises IndexError, DataLossError and others.
            raise _unreadable(self.prefix, name, error) from error

    def _read(self, name: str) -> np.ndarray:
        try:
            return self._reader.get_tensor(name)
        except Exception as error:
            if not any(refusal in str(error) for refusal in _READER_REFUSES):
                raise
            return _run_restore_op(self.prefix, self.variables[name])


def _run_restore_op(prefix: str, spec: VariableSpec) -> np.ndarray:
    """Reads what the reader refuses and a Saver restores."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        (value,) = tf.raw_ops.RestoreV2(
            prefix=prefix,
            tensor_names=[spec.name],
            shape_and_slices=[""],
            dtypes=[tf.as_dtype(spec.dtype)],
        )
        return session.run(value)


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


def read_checkpoint(prefix: str) -> Checkpoint:
    """Returns the checkpoint of a prefix, V1 or V2.

    Args:
      prefix: checkpoint prefix, e.g. 'runs/model.ckpt-100'; of a sharded V1 checkpoint the
        pattern, e.g. 'runs/model.ckpt-100-?????-of-00002'.
    Raises: CheckpointError: nothing is there, a file of the checkpoint was named in place of its
      prefix, or its index cannot be read.
    """
    import tensorflow as tf

    _check_prefix(prefix)
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        dtypes = reader.get_variable_to_dtype_map()
    except Exception as error:  # as above
        raise _unreadable(prefix, None, error) from error
    specs = {
        name: VariableSpec(name, tuple(shapes[name]), dtypes[name].name) for name in sorted(shapes)
    }
    return Checkpoint(prefix, specs, reader)


def _check_prefix(prefix: str) -> None:
    if "://" in prefix:
        return  # No local path, e.g. gs://; TensorFlow's own reader says what is wrong with it.
    named_file = _NOT_A_PREFIX.search(prefix)
    if named_file:
        raise CheckpointError(
            explain(
                f"'{prefix}' names one file of a checkpoint, not its prefix",
                fix=f"name '{prefix[: named_file.start()]}'",
            )
        )
    if os.path.isdir(prefix):
        found = sorted(path[: -len(".index")] for path in glob.glob(f"{prefix}/*.index"))
        raise CheckpointError(
            explain(
                f"'{prefix}' is a folder, not a checkpoint prefix; it holds "
                f"{count(len(found), 'checkpoint')}",
                found,
                fix="name the prefix: the path of the .index file without '.index'.",
            )
        )
    if os.path.isfile(prefix + ".index"):
        if not glob.glob(glob.escape(prefix) + ".data-*-of-*"):
            raise CheckpointError(
                explain(
                    f"Checkpoint prefix '{prefix}' has an .index file but no .data file",
                    cause="the .data-00000-of-00001 file was left behind in a copy.",
                    fix="copy all files that begin with the prefix.",
                )
            )
    elif not os.path.isfile(prefix) and not _is_sharded_v1(prefix):
        folder = os.path.dirname(prefix) or "."
        near = sorted(path[: -len(".index")] for path in glob.glob(f"{folder}/*.index"))
        raise CheckpointError(
            explain(
                f"No checkpoint at prefix '{prefix}'"
                + (f"; its folder holds {count(len(near), 'checkpoint')}" if near else ""),
                near,
                fix="name the prefix: the path of the .index file without '.index'.",
            )
        )


def _is_sharded_v1(prefix: str) -> bool:
    pattern = _SHARDED_V1.search(prefix)
    if not pattern:
        return False
    return bool(glob.glob(glob.escape(prefix[: pattern.start()]) + pattern.group()))


def _unreadable(prefix: str, variable: str | None, error: Exception) -> CheckpointError:
    what = f"variable '{variable}' of checkpoint prefix" if variable else "checkpoint prefix"
    reason = str(error).strip().splitlines()
    return CheckpointError(
        explain(
            f"Cannot read {what} '{prefix}'",
            [reason[0] if reason else type(error).__name__],
            cause="a file was cut short or damaged in a copy, or is no TensorFlow checkpoint.",
            fix="compare sizes and checksums with the files where the model was trained.",
        )
    )
