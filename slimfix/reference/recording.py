"""A recorded reference: what the original network computed, mostly in the legacy world."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import zipfile
from typing import Any, Mapping

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.numpy_files import UnreadableError, read_numpy_file
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.recording_header import read_header, read_optimizer
from slimfix.writing import check_new_file, new_file

FORMAT = 1  # Grows when a key goes or changes its meaning, not when one is added.
_Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class RecordedTrajectory:
    """Steps of an optimizer, taken in turns on a few batches.

    Attributes:
      optimizer: what took them, from its initial state.
      inputs: by tensor name, [batches, batch, ...].
      targets: by tensor name of the output that is to come near them, [batches, batch, ...].
      losses: float32 [steps], each before its step.
      weights: by name, the variables that moved, after the last step.
    """

    optimizer: Optimizer
    inputs: _Arrays
    targets: _Arrays
    losses: np.ndarray
    weights: _Arrays


@dataclasses.dataclass(frozen=True)
class Recording:
    """What the original network computed; the first three maps in inference mode.

    Attributes:
      path: the .npz file.
      versions: package versions it was recorded with, by package name; TensorFlow's among them.
      switches: the value that was fed to each boolean switch in inference, by tensor name.
      inputs: value by tensor name, as fed.
      tensors: value by tensor name, as computed.
      training: value by tensor name, in training mode on the same inputs, dropout off.
      statistics: value by variable name, after one step of the update ops on these inputs.
      cotangents: by tensor name of an output, what its gradients were taken with.
      gradients: by name of variable or input, of sum(output * cotangent) in training mode.
      trajectory: optimizer steps; None where none were recorded.
    """

    path: str
    versions: Mapping[str, str]
    switches: Mapping[str, bool]
    inputs: _Arrays
    tensors: _Arrays
    training: _Arrays = dataclasses.field(default_factory=dict)
    statistics: _Arrays = dataclasses.field(default_factory=dict)
    cotangents: _Arrays = dataclasses.field(default_factory=dict)
    gradients: _Arrays = dataclasses.field(default_factory=dict)
    trajectory: RecordedTrajectory | None = None


# Where the maps of a recording lie in the file.
_ROOMS = {
    "inputs": "input/",
    "tensors": "tensor/",
    "training": "training/tensor/",
    "statistics": "training/statistic/",
    "cotangents": "gradient/cotangent/",
    "gradients": "gradient/value/",
}
_TRAJECTORY_ROOMS = {
    "inputs": "trajectory/input/",
    "targets": "trajectory/target/",
    "weights": "trajectory/weight/",
}
_LOSSES = "trajectory/loss"


def write_recording(recording: Recording, overwrite: bool = False) -> None:
    """Writes a recording to its path, whole or not at all.

    Args:
      recording: what to write.
      overwrite: whether a file that is there is replaced.
    Raises:
      UsageError: something is there that may not be replaced, or no file can be made there; see
        `check_target`.
      OutputError: the disk is full, or another run wrote there meanwhile.
    """
    arrays: dict[str, Any] = _in_rooms(recording, _ROOMS)
    header: dict[str, Any] = {
        "format": FORMAT,
        "versions": dict(recording.versions),
        "switches": {name: bool(value) for name, value in recording.switches.items()},
    }
    if recording.trajectory is not None:
        arrays.update(_in_rooms(recording.trajectory, _TRAJECTORY_ROOMS))
        arrays[_LOSSES] = recording.trajectory.losses
        header["optimizer"] = dataclasses.asdict(recording.trajectory.optimizer)
    header["header_sha256"] = _header_checksum(header)
    header["sha256"] = checksum(arrays)
    arrays["recording"] = np.array(json.dumps(header, sort_keys=True))
    check_target(recording.path, overwrite)
    # Not numpy.savez, which on NumPy 1 leaves an archive open where the disk is full.
    with new_file(recording.path, overwrite) as whole, zipfile.ZipFile(whole, "w") as archive:
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def check_target(path: str, overwrite: bool) -> None:
    """Raises UsageError unless a recording can be written: of files, it replaces only another."""
    check_new_file(path, overwrite)
    if os.path.exists(path) and not _is_recording(path):
        raise UsageError(
            explain(
                f"Output file '{path}' exists, and is no recording",
                cause="--output names a file that was to be read, or another one by mistake.",
                fix="choose another --output; --overwrite (overwrite=True) replaces recordings.",
            )
        )


def _is_recording(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "recording.npy" in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _in_rooms(record: Any, rooms: Mapping[str, str]) -> dict[str, np.ndarray]:
    return {
        room + name: np.asarray(value)
        for field, room in rooms.items()
        for name, value in getattr(record, field).items()
    }


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
        arrays = read_numpy_file(path)
        if isinstance(arrays, np.ndarray) or "recording" not in arrays:
            raise UnreadableError("no array 'recording' in it, which says what the others are")
        header = read_header(str(arrays.pop("recording")))
        _check_numbers(arrays)
        _check_trajectory(header, arrays)
    except UnreadableError as error:
        raise UsageError(
            explain(
                f"'{path}' is not a recording",
                [str(error)],
                cause="the file was cut short, or is another .npz file.",
            )
        ) from error
    if header["format"] != FORMAT:
        raise UsageError(f"'{path}' has recording format {header['format']}; want {FORMAT}")
    intact = header.get("header_sha256") in (None, _header_checksum(header))  # Once there was none.
    if not intact or checksum(arrays) != header["sha256"]:
        raise UsageError(
            explain(
                f"Recording '{path}' does not have the checksum written in it",
                cause="the file was changed or damaged after it was recorded.",
            )
        )
    return _recording(path, header, arrays)


def _check_numbers(arrays: _Arrays) -> None:
    fed = (_ROOMS["inputs"], _TRAJECTORY_ROOMS["inputs"])
    for name, value in arrays.items():
        if not name.startswith(fed) and value.dtype.kind not in "biuf":
            raise UnreadableError(f"'{name}' is of {value.dtype}; want real numbers")


def _check_trajectory(header: Mapping[str, Any], arrays: _Arrays) -> None:
    losses = arrays.get(_LOSSES)
    if (losses is None) != (header.get("optimizer") is None):
        raise UnreadableError(f"'{_LOSSES}' and the optimizer go together; one is missing")
    if losses is not None and (losses.ndim != 1 or not losses.size or losses.dtype.kind != "f"):
        raise UnreadableError(
            f"'{_LOSSES}' is {list(losses.shape)} {losses.dtype}; want a float for each step"
        )
    rooms = (_TRAJECTORY_ROOMS["inputs"], _TRAJECTORY_ROOMS["targets"])
    batches = {name: value.shape[:1] for name, value in arrays.items() if name.startswith(rooms)}
    if len(set(batches.values())) > 1 or () in batches.values():
        raise UnreadableError(
            "not as many batches in each: "
            + ", ".join(f"'{name}' has {[*count]}" for name, count in batches.items())
        )
    if losses is not None and (not batches or (0,) in batches.values()):
        raise UnreadableError(f"'{_LOSSES}' is there, and no batch that steps were taken on")


def _recording(path: str, header: dict[str, Any], arrays: _Arrays) -> Recording:
    def below(rooms: Mapping[str, str]) -> dict[str, dict[str, np.ndarray]]:
        return {
            field: {k[len(room) :]: value for k, value in arrays.items() if k.startswith(room)}
            for field, room in rooms.items()
        }

    trajectory = None
    if _LOSSES in arrays:
        optimizer = read_optimizer(header["optimizer"])
        rooms = below(_TRAJECTORY_ROOMS)
        trajectory = RecordedTrajectory(optimizer, losses=arrays[_LOSSES], **rooms)
    return Recording(
        path=path,
        versions=header["versions"],
        switches=header["switches"],
        trajectory=trajectory,
        **below(_ROOMS),
    )


def _header_checksum(header: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a header without its checksums, as JSON with sorted keys."""
    plain = {key: value for key, value in header.items() if not key.endswith("sha256")}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode("utf-8")).hexdigest()


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the SHA-256 over names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = arrays[key]
        for text in (key, str(value.dtype), str(value.shape)):
            digest.update(text.encode("utf-8"))
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
