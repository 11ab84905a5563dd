"""Reads a recorded reference: what the original network computed, written by the legacy world."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any, Mapping

import numpy as np

from slimfix.errors import UsageError, explain

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


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the SHA-256 over names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = arrays[key]
        for text in (key, str(value.dtype), str(value.shape)):
            digest.update(text.encode("utf-8"))
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
