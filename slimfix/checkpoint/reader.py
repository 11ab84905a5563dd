"""Reads a checkpoint prefix into plain data, with an error that says what is wrong with it."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from slimfix.checkpoint.bundle import Bundle
from slimfix.checkpoint.damage import Damage, SavedInPart
from slimfix.checkpoint.files import is_remote
from slimfix.checkpoint.prefix import as_prefix, find_tables
from slimfix.checkpoint.saved_slices import SavedSlices
from slimfix.errors import CheckpointError, explain

_OBJECTS = ("variant", "resource")


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
    _source: Any = dataclasses.field(repr=False, compare=False)

    def read(self, name: str) -> np.ndarray:
        """Returns the value of one variable, in memory of its own.

        As TensorFlow's reader gives it: a scalar as a NumPy scalar, strings as bytes in an array
        of objects, a lone string as bytes, quantized dtypes as plain integers.

        Raises:
          KeyError: the checkpoint has no such variable.
          CheckpointError: the data file is missing, cut short or damaged, or holds only parts of
            the variable.
        """
        if name not in self.variables:
            raise KeyError(name)
        if self.variables[name].dtype in _OBJECTS:
            raise CheckpointError(
                explain(
                    f"Cannot read variable '{name}' of checkpoint prefix '{self.prefix}'",
                    [f"a {self.variables[name].dtype} is an object of TensorFlow, no array"],
                    fix="leave it out.",
                )
            )
        try:
            value = self._source.read(name)
        except _faults(self.prefix) as error:
            raise _unreadable(self.prefix, name, error) from error
        return value[()] if isinstance(value, np.ndarray) and not value.ndim else value


def read_checkpoint(prefix: str | os.PathLike[str] | None) -> Checkpoint:
    """Returns the checkpoint of a prefix, V1 or V2.

    Files are read without TensorFlow, unless the prefix begins with the name of one of its file
    systems, such as gs://. Values are read when they are asked for.

    Args:
      prefix: checkpoint prefix, e.g. 'runs/model.ckpt-100'; of a sharded V1 checkpoint also what
        its Saver returned, 'runs/model.ckpt-100-?????-of-00002'.
    Raises: CheckpointError: the prefix is None, nothing is there, a file of the checkpoint was
      named in place of its prefix, its index cannot be read, or a data file is shorter than the
      index says.
    """
    prefix = as_prefix(prefix)
    try:
        tables = find_tables(prefix)
        source: Any = Bundle(prefix) if tables is None else SavedSlices(tables)
    except CheckpointError:
        raise
    except _faults(prefix) as error:
        raise _unreadable(prefix, None, error) from error
    specs = {
        name: VariableSpec(name, entry.shape, entry.dtype.name)
        for name, entry in sorted(source.variables.items())
    }
    return Checkpoint(prefix, specs, source)


def _faults(prefix: str) -> tuple[type[Exception], ...]:
    """What reading may raise; the file systems of TensorFlow raise errors of their own."""
    return (Exception,) if is_remote(prefix) else (Damage, OSError)


def _unreadable(prefix: str, variable: str | None, error: Exception) -> CheckpointError:
    what = f"variable '{variable}' of checkpoint prefix" if variable else "checkpoint prefix"
    cause = fix = None  # Of what the system says, mostly nothing is known besides.
    if isinstance(error, SavedInPart):
        cause = "the Saver was given only some parts of a partitioned variable."
        fix = "leave the variable out, or save all its parts."
    elif isinstance(error, Damage):
        cause = "a file was cut short or damaged in a copy, or is no TensorFlow checkpoint."
        fix = "compare sizes and checksums with the files where the model was trained."
    elif isinstance(error, PermissionError):
        fix = "give this user the right to read it, or copy it to a place of yours."
    said = str(error) or type(error).__name__
    return CheckpointError(explain(f"Cannot read {what} '{prefix}'", [said], cause, fix))
