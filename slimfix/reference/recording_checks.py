"""Tells whether a recording can be one of a network."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.reference.inputs import InputSpec
from slimfix.reference.recording import Recording


def check_recording(
    recording: Recording,
    inputs: Sequence[InputSpec],
    switches: Mapping[str, bool],
) -> None:
    """Raises unless a recording can be one of a network.

    Args:
      recording: what was recorded.
      inputs: the network's.
      switches: the values that the network's switches have in inference.
    Raises: UsageError: an input is missing, of another shape or dtype, empty or not finite; a
      switch was fed another value; or nothing was recorded.
    """
    wrong = [
        f"switch '{name}': recorded {recording.switches[name]}; inference {value}"
        for name, value in switches.items()
        if name in recording.switches and recording.switches[name] != value
    ]
    wrong += find_misfits(recording.inputs, inputs)
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


def find_misfits(
    values: Mapping[str, np.ndarray], specs: Sequence[InputSpec], word: str = "recorded"
) -> list[str]:
    """Returns a line for each input that a network cannot take: it is missing, of another shape or
    dtype, empty, or not finite.

    Args:
      values: by tensor name.
      specs: the network's inputs.
      word: what the values are.
    """
    wrong = []
    for spec in specs:
        value = values.get(spec.tensor)
        if value is None:
            others = ", ".join(sorted(values)) or "none"
            wrong.append(f"input '{spec.tensor}': not in it; it has {others}")
        elif str(value.dtype) != spec.dtype or not _fits(value.shape, spec.shape):
            wrong.append(
                f"input '{spec.tensor}': {word} {list(value.shape)} {value.dtype}; "
                f"graph {list(spec.shape)} {spec.dtype}"
            )
        elif value.size == 0 or not (value.dtype.kind != "f" or np.all(np.isfinite(value))):
            wrong.append(f"input '{spec.tensor}': empty, or some values are not finite")
    return wrong


def _fits(shape: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(
        size is None or size == found for found, size in zip(shape, wanted)
    )
