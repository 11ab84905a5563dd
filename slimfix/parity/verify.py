"""Proves, level by level, that a Keras model is the network of the original graph."""

from __future__ import annotations

import dataclasses
import os
import platform
import random
from typing import Any, Collection, Iterable, Sequence

import numpy as np

import slimfix
from slimfix import names
from slimfix.errors import ParityError, UsageError, count, explain
from slimfix.migration.conversion import Migration
from slimfix.migration.eager import run_eagerly
from slimfix.parity import keras_side
from slimfix.parity.data import Data, choose_course, choose_data, draw_cotangents
from slimfix.parity.diagnosis import diagnose_layer, diagnose_weights, rounding_cause
from slimfix.parity.gradients import compare_gradients
from slimfix.parity.keras_file import load_keras_file
from slimfix.parity.keras_inputs import as_functional, check_signature
from slimfix.parity.layers import compare_layers
from slimfix.parity.matching import match_weights
from slimfix.parity.replica import check_backend
from slimfix.parity.result import (
    LayerParity,
    Level,
    ParityResult,
    Reference,
    Verdict,
    WeightsParity,
)
from slimfix.parity.settings import compare_settings
from slimfix.parity.setup import Setup
from slimfix.parity.statistics import describe_statistics
from slimfix.parity.training import compare_training
from slimfix.parity.trajectory import Course, compare_trajectories
from slimfix.parity.weights import compare_weights
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.recording import Recording, checksum

_MOMENTUM = Optimizer("momentum", 0.01)
BASIC = (Level.WEIGHTS, Level.INFERENCE)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be compared, and on what.

    Attributes:
      levels: which; L0 and L1 always are.
      recording: what the original computed; None to run its graph now, and alone.
      data: inputs, as of `data.choose_data`; None for recorded or drawn ones.
      optimizer: of level L4, unless recorded.
      steps: of level L4, unless recorded.
      progress: whether to draw progress bars; None for where standard error is a terminal.
    """

    levels: Collection[Level] = BASIC
    recording: Recording | None = None
    data: Any = None
    optimizer: Optimizer = _MOMENTUM
    steps: int = 20
    progress: bool | None = False


def diff_parity(
    model: Any,
    migration: Migration,
    recording: Recording | None = None,
    levels: Collection[Level] = BASIC,
    **more: Any,
) -> ParityResult:
    """Returns the proof, passed or not, that a Keras model is the network of a graph.

    Level L0 compares weights bit by bit, and the settings that decide training. Level L1
    compares the output of every layer: the model in float64 against the original graph in
    float64, which decides; and both float32 sides against that, which tells how much each
    rounds. L2 does the same in training mode and compares the moving statistics after a step, L3
    compares gradients, L4 the steps of an optimizer.

    Args:
      model: functional keras.Model, or path of a `.keras` file, which is loaded with plain Keras.
      migration: the graph and checkpoint that it is to be.
      recording, levels, more: as of `Request`.
    Returns: ParityResult; see its `passed` and `first_difference`.
    Raises:
      ParityError: the recording is not of this graph and checkpoint, or the model takes or gives
        another number of tensors.
      UsageError: the inputs cannot be those of the network; or it computes no finite number for
        them.
      UnsupportedEnvironmentError: Keras runs on another backend than TensorFlow.
    """
    request = Request(levels, recording, **more)
    if isinstance(model, (str, os.PathLike)):
        model = run_eagerly(load_keras_file, os.fspath(model))
    drawn = random.getstate()  # Keras draws seeds for copies of dropouts.
    try:
        result: ParityResult = run_eagerly(_diff, model, migration, request)
    finally:
        random.setstate(drawn)
    return result


def _diff(model: Any, migration: Migration, request: Request) -> ParityResult:
    check_backend()
    model = as_functional(model)
    check_signature(model, migration)
    recording = request.recording
    data = choose_data(migration, request.data, recording)
    _check_known(migration, recording)
    setup = Setup(model, migration, match_weights(model, migration.plan, migration.read))
    _check_comparable(setup, request)
    # A recording may hold tensors, and so need switches, that the outputs do not depend on.
    switches = {**(recording.switches if recording else {}), **migration.function.switches}
    feeds = {**switches, **data.inference}
    rows, wrong = compare_layers(
        model,
        migration,
        feeds,
        setup.for_keras(data.inference),
        recording.tensors if recording else {},
        progress=request.progress,
        called=setup.called,
    )
    _check_recording(recording, wrong)
    rows = _with_causes(model, rows)
    first = next((row for row in rows if row.verdict is Verdict.DIFFERENT), None)
    diagnosis = None
    if first is not None:
        diagnosis = diagnose_layer(model, migration, feeds, setup.for_keras(data.inference), first)
    result = ParityResult(
        weights=_weights(setup),
        settings=compare_settings(model, migration.plan, setup.matches),
        layers=tuple(rows),
        outputs=migration.signature.outputs,
        reference=_reference(request),
        inputs_sha256=checksum(data.inference),
        samples=len(next(iter(data.inference.values()))),
        versions=_versions(),
        statistics=tuple(describe_statistics(setup)),
        unmatched=_unmatched(setup, rows),
        diagnosis=diagnosis,
    )
    return _with_training(setup, data, request, result)


def _with_training(
    setup: Setup, data: Data, request: Request, result: ParityResult
) -> ParityResult:
    """Returns a result with those of levels L2 to L4 that were asked for."""
    recording, batch = request.recording, data.batches[0]
    _check_recorded_outputs(setup, request)
    if any(tuple(held.weight.shape) != held.record.shape for held in setup.matches.held):
        return result  # Level L0 has failed: there is no common ground to train on.
    if Level.TRAINING in request.levels:
        training = compare_training(setup, batch, recording, request.progress)
        _check_recording(recording, training.wrong)
        result = dataclasses.replace(
            result,
            training=tuple(_with_causes(setup.model, training.rows)),
            statistics=tuple(training.statistics),
            diagnosis=result.diagnosis or training.diagnosis,
        )
    if Level.GRADIENTS in request.levels:
        if recording and recording.gradients:
            cotangents = [recording.cotangents[tensor] for tensor in setup.floating_outputs]
        else:
            cotangents = draw_cotangents(setup.output_shapes(batch))
        recorded = recording.gradients if recording else {}
        gradients, wrong = compare_gradients(setup, batch, cotangents, recorded)
        _check_recording(recording, wrong)
        result = dataclasses.replace(result, gradients=tuple(gradients))
    if Level.TRAJECTORY in request.levels:
        course = _course(setup, data, request)
        trajectory, wrong = compare_trajectories(setup, course, request.progress)
        _check_recording(recording, wrong)
        result = dataclasses.replace(result, trajectory=trajectory)
    return result


def _check_recorded_outputs(setup: Setup, request: Request) -> None:
    """Raises UsageError where gradients or steps were recorded of other outputs."""
    recording = request.recording
    if recording is None:
        return
    recorded: dict[Level, Iterable[str]] = {}
    if recording.gradients:
        recorded[Level.GRADIENTS] = recording.cotangents
    if recording.trajectory:
        recorded[Level.TRAJECTORY] = recording.trajectory.targets
    for level, outputs in recorded.items():
        if level in request.levels and set(outputs) != set(setup.floating_outputs):
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


def _course(setup: Setup, data: Data, request: Request) -> Course:
    recorded = request.recording.trajectory if request.recording else None
    if recorded is None:
        shapes = [setup.output_shapes(batch) for batch in data.batches]
        return choose_course(data, shapes, request.optimizer, request.steps)
    turns = range(len(next(iter(recorded.inputs.values()))))
    return Course(
        recorded.optimizer,
        [{tensor: value[turn] for tensor, value in recorded.inputs.items()} for turn in turns],
        [[recorded.targets[tensor][turn] for tensor in setup.floating_outputs] for turn in turns],
        len(recorded.losses),
        recorded.losses,
        recorded.weights,
    )


def _weights(setup: Setup) -> WeightsParity:
    found = compare_weights(setup.matches, setup.migration.read, {})
    if not found.different:
        return found
    origins = diagnose_weights(setup.model, setup.migration)
    return compare_weights(setup.matches, setup.migration.read, origins)


def _with_causes(model: Any, rows: Sequence[LayerParity]) -> list[LayerParity]:
    """Returns the rows, the degraded ones with what makes their layer round so much."""
    operations = {operation.name: operation for operation in model.operations}
    return [
        dataclasses.replace(row, cause=rounding_cause(operations[row.layer]))
        if row.verdict is Verdict.DEGRADED and row.layer in operations
        else row
        for row in rows
    ]


def _unmatched(setup: Setup, rows: Sequence[LayerParity]) -> tuple[str, ...]:
    aliases = setup.migration.function.aliases
    compared = {aliases.get(row.tensor, row.tensor) for row in rows}
    return tuple(p.tensor for p in setup.migration.probes if p.tensor not in compared)


def _check_comparable(setup: Setup, request: Request) -> None:
    """Raises UsageError where whole numbers are all that could be compared, or trained on."""
    if setup.floating_outputs:
        return
    trained = [level for level in (Level.GRADIENTS, Level.TRAJECTORY) if level in request.levels]
    of_its_own = not keras_side.find_tensors(setup.model, setup.migration.probes)
    if trained or of_its_own:
        what = " and ".join(level.value for level in trained) or "a model with names of its own"
        raise UsageError(
            explain(
                f"{what} cannot be proved: no output of the network is a floating-point tensor",
                [f"'{tensor}'" for tensor in setup.migration.signature.outputs],
                cause="the network ends in classes or other whole numbers.",
                fix="name the tensor that they are computed from with outputs (--outputs).",
            )
        )


def _check_known(migration: Migration, recording: Recording | None) -> None:
    recorded: Iterable[str] = recording.tensors if recording else ()
    unknown = [t for t in recorded if names.split_tensor_name(t)[0] not in migration.view]
    if unknown:
        raise UsageError(
            explain(
                f"{count(len(unknown), 'recorded tensor')} not in the graph",
                [f"'{name}'" for name in unknown],
                cause="it was recorded from another network.",
            )
        )


def _check_recording(recording: Recording | None, wrong: Sequence[str]) -> None:
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


def _reference(request: Request) -> Reference:
    import tensorflow as tf

    recording = request.recording
    if recording is None:
        inputs = "drawn inputs" if request.data is None else "given inputs"
        return Reference(f"graph run by TensorFlow {tf.__version__} on {inputs}", 0)
    losses = recording.trajectory.losses if recording.trajectory else ()
    checked = {
        Level.INFERENCE: len(recording.tensors),
        Level.TRAINING: len(recording.training) + len(recording.statistics),
        Level.GRADIENTS: len(recording.gradients),
        Level.TRAJECTORY: len(losses),
    }
    levels = {*BASIC, *request.levels}
    count_checked = sum(number for level, number in checked.items() if level in levels)
    version = recording.versions["tensorflow"]
    return Reference(f"recorded by TensorFlow {version}", count_checked)


def _versions() -> dict[str, str]:
    import keras
    import tensorflow as tf

    return {
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "slimfix": slimfix.__version__,
        "tensorflow": tf.__version__,
    }
