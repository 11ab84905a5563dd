"""Inputs that somebody gave, or recorded: refused where nothing would show on them."""

from __future__ import annotations

from typing import Collection, Iterator, Mapping

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.parity.compare import SAME_FUNCTION
from slimfix.parity.data import Data
from slimfix.parity.setup import Setup
from slimfix.parity.verdicts import Level
from slimfix.reference.original import Original
from slimfix.reference.recording import Recording
from slimfix.reference.telling import find_constant, find_repeated, find_unreached, find_untried

_Arrays = Mapping[str, np.ndarray]

_FILLED = "it stands for data that are missing, or that were prepared in another way."
_SCALE = "a layer is silent or saturated: the data are on another scale than the network's."
_REPEATED = "statistics of a batch of equal samples are those of one."
_LEFT_OUT = "gradients were not taken of all that the network gives."


def check_given(
    setup: Setup, data: Data, recording: Recording | None, levels: Collection[Level]
) -> None:
    """Raises UsageError where inputs that somebody gave, or recorded, cannot tell models apart.

    Args:
      setup: both networks.
      data: the inputs.
      recording: where they are from; None for data that were given.
      levels: that are to be proved.
    """
    for lines, cause in _find_faults(setup, data, recording, levels):
        if lines:
            what = "these data" if recording is None else f"recording '{recording.path}'"
            instead = "give other data (--data)" if recording is None else "record again, on others"
            raise UsageError(
                explain(
                    f"Nothing can be proved on {what}: another network might give the same",
                    lines,
                    cause=cause,
                    fix=f"{instead}, or leave data out: inputs are drawn then.",
                )
            )


def _find_faults(
    setup: Setup, data: Data, recording: Recording | None, levels: Collection[Level]
) -> Iterator[tuple[list[str], str]]:
    """Yields what is wrong, and why; nothing for most."""
    yield find_constant(data.inference), _FILLED
    yield _find_unreached(setup, data.inference), _SCALE
    norms = any(layer.mode != "inference" for layer in setup.batch_norms)
    for batch in _first_batches(data, recording, levels):
        yield find_constant(batch), _FILLED
        yield find_repeated(batch) if norms else [], _REPEATED
    if recording is not None and Level.GRADIENTS in levels:
        yield find_untried(recording.cotangents), _LEFT_OUT


def _first_batches(
    data: Data, recording: Recording | None, levels: Collection[Level]
) -> Iterator[_Arrays]:
    """Yields the first batches that a network is trained on, drawn ones left out."""
    recorded = recording.trajectory if recording else None
    if recorded is not None and Level.TRAJECTORY in levels:
        yield {name: value[0] for name, value in recorded.inputs.items() if len(value)}
    trains = {Level.TRAINING, Level.GRADIENTS, Level.TRAJECTORY}
    if recording is None and not trains.isdisjoint(levels):
        yield data.batches[0]
    elif recording is not None and (recording.training or recording.gradients):
        yield data.inference


def _find_unreached(setup: Setup, inputs: _Arrays) -> list[str]:
    outputs = setup.floating_outputs
    if not outputs or find_repeated(inputs):
        return []
    feeds = {**setup.migration.function.switches, **inputs}
    run = Original(setup.migration.view, setup.migration.read, feeds, outputs, float64=True)
    return find_unreached(next(run.run([outputs])), SAME_FUNCTION)
