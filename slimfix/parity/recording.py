"""Reads a recorded reference: what the original network computed, written by the legacy world."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.migration.records import InputRecord

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Recording:
    """Inputs and tensors of one run of the original network in inference mode.

    Attributes:
      path: the .npz file.
      versions: package versions it was recorded with, by package name; TensorFlow's among them.
      switches: the value that was fed to each boolean switch, by tensor name.
      inputs: value by tensor name, as fed.
      tensors: value by tensor name, as computed.
    """

    path: str
    versions: Mapping[str, str]
    switches: Mapping[str, bool]
    inputs: Mapping[str, np.ndarray]
    tensors: Mapping[str, np.ndarray]


def read_recording(path: str) -> Recording:
    """Returns a recording, its checksum verified.

    Args:
      path: .npz file: key 'recording' holds JSON (format, versions, switches, sha256), keys
        'input/NAME:0' and 'tensor/NAME:0' the arrays.
    Raises: UsageError: missing, damaged, of another format, or not a recording.
    """
    if not os.path.isfile(path):
        raise UsageError(f"No recording at '{path}'")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        header = json.loads(str(arrays.pop("recording")))
        _ = header["format"], header["sha256"], header["switches"], header["versions"]["tensorflow"]
    except Exception as error:  # np.load raises many kinds for a damaged zip file.
        raise UsageError(
            explain(
                f"'{path}' is not a recording",
                [f"{type(error).__name__}: {error}"],
                cause="the file was cut short, or is another .npz file.",
            )
        ) from error
    if header["format"] != FORMAT:
        raise UsageError(f"'{path}' has recording format {header['format']}; want {FORMAT}")
    if checksum(arrays) != header["sha256"]:
        raise UsageError(
            explain(
                f"The arrays of recording '{path}' do not have the checksum written in it",
                cause="the file was changed or damaged after it was recorded.",
            )
        )
    return _recording(path, header, arrays)


def _recording(path: str, header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Recording:
    def below(room: str) -> dict[str, np.ndarray]:
        return {key[len(room) :]: value for key, value in arrays.items() if key.startswith(room)}

    return Recording(
        path=path,
        versions=header["versions"],
        switches=header["switches"],
        inputs=below("input/"),
        tensors=below("tensor/"),
    )


def check_fits(
    recording: Recording,
    inputs: Sequence[InputRecord],
    switches: Mapping[str, bool],
    permutations: Mapping[str, tuple[int, ...]],
) -> None:
    """Raises unless a recording can be one of a network.

    Args:
      recording: what was recorded.
      inputs: the network's.
      switches: the values that the network's switches have in inference.
      permutations: by tensor name of an input that the model takes in another order of axes.
    Raises: UsageError: an input is missing, of another shape or dtype, empty or not finite; a
      switch was fed another value; or nothing was recorded.
    """
    wrong = [
        f"switch '{name}': recorded {recording.switches[name]}; inference {value}"
        for name, value in switches.items()
        if name in recording.switches and recording.switches[name] != value
    ]
    for record in inputs:
        value = recording.inputs.get(record.tensor)
        wanted = graph_shape(record, permutations)
        if value is None:
            others = ", ".join(sorted(recording.inputs)) or "none"
            wrong.append(f"input '{record.tensor}': not in it; it has {others}")
        elif str(value.dtype) != record.dtype or not _fits(value.shape, wanted):
            wrong.append(
                f"input '{record.tensor}': recorded {list(value.shape)} {value.dtype}; "
                f"graph {list(wanted)} {record.dtype}"
            )
        elif value.size == 0 or not np.all(np.isfinite(value)):
            wrong.append(f"input '{record.tensor}': empty, or some values are not finite")
    if not recording.tensors:
        wrong.append("no tensor was recorded")
    if wrong:
        raise UsageError(
            explain(
                f"Recording '{recording.path}' is not one of this network",
                wrong,
                cause="it was made of another network, or in training mode.",
            )
        )


def graph_shape(
    record: InputRecord, permutations: Mapping[str, tuple[int, ...]]
) -> tuple[int | None, ...]:
    """Returns the shape of an input in the graph, whose axes may have another order."""
    order = permutations.get(record.tensor, range(len(record.shape)))
    sizes = dict(zip(order, record.shape))
    return tuple(sizes[axis] for axis in range(len(record.shape)))


def _fits(shape: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(
        size is None or size == found for found, size in zip(shape, wanted)
    )


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the SHA-256 over names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = arrays[key]
        for text in (key, str(value.dtype), str(value.shape)):
            digest.update(text.encode("utf-8"))
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
