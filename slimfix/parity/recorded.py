"""A recording beside the network that it is of: whether it may be, and what it gives the proof."""

from __future__ import annotations

from typing import Any, Collection, Iterable, Sequence

from slimfix import names
from slimfix.errors import ParityError, UsageError, count, explain
from slimfix.migration.conversion import Migration
from slimfix.parity.result import Reference
from slimfix.parity.setup import Setup
from slimfix.parity.trajectory import Course
from slimfix.parity.verdicts import Level
from slimfix.reference.recording import RecordedTrajectory, Recording


def check_known(migration: Migration, recording: Recording | None) -> None:
    """Raises UsageError where a recording holds tensors, or fed switches, not of the graph."""
    if recording is None:
        return
    recorded = [*recording.tensors, *recording.training, *recording.switches]
    unknown = [t for t in recorded if names.split_tensor_name(t)[0] not in migration.view]
    if unknown:
        raise UsageError(
            explain(
                f"{count(len(unknown), 'tensor')} of recording '{recording.path}' not in the graph",
                [f"'{name}'" for name in unknown],
                cause="it was recorded from another network.",
            )
        )


def check_outputs(setup: Setup, recording: Recording | None, levels: Collection[Level]) -> None:
    """Raises UsageError where gradients or steps were recorded of other outputs."""
    if recording is None:
        return
    recorded: dict[Level, Iterable[str]] = {}
    if recording.gradients:
        recorded[Level.GRADIENTS] = recording.cotangents
    if recording.trajectory:
        recorded[Level.TRAJECTORY] = recording.trajectory.targets
    for level, outputs in recorded.items():
        if level in levels and set(outputs) != set(setup.floating_outputs):
            raise UsageError(
                explain(
                    f"Recording '{recording.path}' holds {level.value} of other outputs",
                    [
                        f"recorded: {', '.join(sorted(outputs)) or 'none'}",
                        f"wanted: {', '.join(sorted(setup.floating_outputs)) or 'none'}",
                    ],
                    fix="name the recorded ones with outputs (--outputs), or leave the level out.",
                )
            )


def check_values(recording: Recording | None, wrong: Sequence[str]) -> None:
    """Raises ParityError if some of a recording is not what the original computes."""
    if recording is not None and wrong:
        raise ParityError(
            explain(
                f"{len(wrong)} of the values in recording '{recording.path}' are not what this "
                "graph and checkpoint compute",
                wrong,
                cause="it was recorded from another checkpoint, or in another mode.",
                fix="record it again from this checkpoint.",
            )
        )


def recorded_course(trajectory: RecordedTrajectory, outputs: Sequence[str]) -> Course:
    """Returns a recorded trajectory, to be run again.

    Args:
      trajectory: of the recording.
      outputs: the original's floating-point outputs.
    """
    turns = range(len(next(iter(trajectory.inputs.values()))))
    return Course(
        trajectory.optimizer,
        [{tensor: value[turn] for tensor, value in trajectory.inputs.items()} for turn in turns],
        [[trajectory.targets[tensor][turn] for tensor in outputs] for turn in turns],
        len(trajectory.losses),
        trajectory.losses,
        trajectory.weights,
    )


def describe_reference(
    recording: Recording | None, data: Any, levels: Collection[Level]
) -> Reference:
    """Returns where the original's float32 values come from, and how many of them are recorded.

    Args:
      recording: None for a graph that is run now.
      data: inputs that the user gave; None for recorded or drawn ones.
      levels: that ran.
    """
    import tensorflow as tf

    if recording is None:
        inputs = "drawn inputs" if data is None else "given inputs"
        return Reference(f"graph run by TensorFlow {tf.__version__} on {inputs}", 0)
    losses = recording.trajectory.losses if recording.trajectory else ()
    checked = {
        Level.INFERENCE: len(recording.tensors),
        Level.TRAINING: len(recording.training) + len(recording.statistics),
        Level.GRADIENTS: len(recording.gradients),
        Level.TRAJECTORY: len(losses),
    }
    count_checked = sum(number for level, number in checked.items() if level in levels)
    version = recording.versions["tensorflow"]
    return Reference(f"recorded by TensorFlow {version}", count_checked)
