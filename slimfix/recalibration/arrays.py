"""Data for `recalibrate_checkpoint`: arrays by tensor name, cut into batches."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from slimfix import names, numpy_files
from slimfix.errors import UsageError, count, explain
from slimfix.numpy_files import UnreadableError, read_numpy_file
from slimfix.scopes import format_near


def read_arrays(path: str) -> dict[str, np.ndarray]:
    """Returns the arrays of an .npz file by name. Raises UsageError if it is none."""
    try:
        found = read_numpy_file(path)
        if isinstance(found, np.ndarray):
            raise UnreadableError("it holds one array without a name")
        return found
    except UnreadableError as error:
        raise UsageError(
            explain(
                f"Cannot read arrays from '{path}'",
                [str(error)],
                fix="write it with numpy.savez(path, **{'images': images}).",
            )
        ) from error


def cut_batches(arrays: Mapping[str, np.ndarray], batch_size: int) -> list[dict[str, np.ndarray]]:
    """Returns feed dicts of `batch_size` examples; the last may be smaller.

    Args:
      arrays: by tensor name; the first dimension counts examples. A single number (an array
        without dimensions) goes into every batch.
      batch_size: at least 1.
    Raises: UsageError: the arrays are not of one length, or hold nothing.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is at least 1, not {batch_size}")
    lengths = {name: len(array) for name, array in arrays.items() if np.ndim(array)}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise UsageError(
            explain(
                f"Cannot cut {count(len(arrays), 'array')} into batches",
                [
                    f"'{name}': {len(array) if np.ndim(array) else 'a single number, no'} examples"
                    for name, array in arrays.items()
                ],
                cause="the arrays are not of one length, or hold no example.",
                fix="let the first dimension of each array count the same examples.",
            )
        )
    length = next(iter(lengths.values()))
    return [
        {
            name: array[start : start + batch_size] if np.ndim(array) else array
            for name, array in arrays.items()
        }
        for start in range(0, length, batch_size)
    ]


def by_tensor_name(arrays: Mapping[str, np.ndarray], known: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns the arrays with full tensor names. Raises UsageError for one not in the graph.

    Args:
      arrays: by tensor name, with or without ':0'.
      known: names of the graph's nodes.
    """
    full = numpy_files.by_tensor_name(arrays)
    nodes = set(known)
    unknown = {name: names.split_tensor_name(name)[0] for name in full}
    unknown = {name: node for name, node in unknown.items() if node not in nodes}
    if unknown:
        raise UsageError(
            explain(
                f"The graph has no tensor for {len(unknown)} of {count(len(full), 'array')}",
                [f"'{name}'" + format_near(node, known) for name, node in unknown.items()],
                fix="name each array after the tensor that it feeds.",
            )
        )
    return full
