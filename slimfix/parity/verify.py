"""Proves that a saved Keras model computes what the original graph computes."""

from __future__ import annotations

import platform
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

import slimfix
from slimfix.errors import ParityError, UsageError, explain
from slimfix.migration.conversion import Migration
from slimfix.migration.eager import run_eagerly
from slimfix.parity import compare, keras_side
from slimfix.parity.inputs import draw_inputs
from slimfix.parity.recording import Recording, checksum
from slimfix.parity.reference import run_reference
from slimfix.parity.result import LayerParity, ParityResult, Reference
from slimfix.parity.weights import compare_weights

# A recording by another TensorFlow rounds in another order; a wrong one is off by far more.
_RECORDING_FACTOR = 16.0


def verify_parity(
    model_path: str, migration: Migration, recording: Recording | None = None
) -> ParityResult:
    """Returns the proof, passed or not, that a `.keras` file is the network it was made from.

    Level L0 compares weights bit by bit. Level L1 compares the output of every layer: the model
    in float64 against the original graph in float64, which decides; and both float32 sides
    against that, which tells how much each rounds.

    Args:
      model_path: `.keras` file; it is loaded with plain Keras.
      migration: the graph and checkpoint it was made from.
      recording: what the original computed; None to draw inputs and run the graph now.
    Returns: ParityResult; see its `passed` and `first_difference`.
    Raises:
      ParityError: the recording is not of this graph and checkpoint.
      UsageError: the recording lacks an input of the network.
    """
    inputs = _inputs(migration, recording)
    feeds = {**inputs, **migration.function.switches}
    tensors = [probe.tensor for probe in migration.probes]
    recorded = dict(recording.tensors) if recording else {}
    fetches = list(dict.fromkeys([*tensors, *recorded]))
    exact = _run(migration, feeds, fetches, float64=True)
    rerun = _run(migration, feeds, fetches, float64=False)
    if recording:
        _check_recording(recording, exact, rerun)
    aliases = migration.function.aliases
    original = {**rerun, **{aliases.get(name, name): value for name, value in recorded.items()}}
    keras_inputs = {record.name: inputs[record.tensor] for record in migration.plan.inputs}
    model = run_eagerly(keras_side.load_model, model_path)
    weights = run_eagerly(compare_weights, model, migration.plan, migration.checkpoint.read)
    single = run_eagerly(keras_side.run_model, model, keras_inputs, migration.probes)
    twin = run_eagerly(keras_side.float64_twin, model)
    double = run_eagerly(keras_side.run_model, twin, keras_inputs, migration.probes)
    return ParityResult(
        weights=weights,
        layers=tuple(_compare_layers(migration, exact, original, single, double)),
        outputs=migration.function.outputs,
        reference=_reference(recording),
        inputs_sha256=checksum(inputs),
        samples=len(next(iter(inputs.values()))),
        versions=_versions(),
    )


def _run(
    migration: Migration, feeds: Mapping[str, Any], fetches: Sequence[str], float64: bool
) -> dict[str, np.ndarray]:
    read = migration.checkpoint.read
    return run_reference(migration.graph_def, read, feeds, fetches, float64)


def _inputs(migration: Migration, recording: Recording | None) -> dict[str, np.ndarray]:
    if recording is None:
        return draw_inputs(migration.plan.inputs)
    wanted = migration.function.inputs
    missing = [name for name in wanted if name not in recording.inputs]
    if missing:
        raise UsageError(
            explain(
                f"Recording '{recording.path}' lacks {len(missing)} of {len(wanted)} inputs",
                [f"'{name}'" for name in missing],
                cause=f"it was made for other inputs: {', '.join(sorted(recording.inputs))}.",
            )
        )
    return {name: recording.inputs[name] for name in wanted}


def _check_recording(
    recording: Recording, exact: Mapping[str, np.ndarray], rerun: Mapping[str, np.ndarray]
) -> None:
    """A recording of another network would make every verdict worthless."""
    wrong: list[str] = []
    for name, value in recording.tensors.items():
        error = compare.relative_error(value, exact[name])
        own = compare.relative_error(rerun[name], exact[name])
        if not error <= _RECORDING_FACTOR * max(own, compare.ROUNDING_FLOOR):
            wrong.append(f"'{name}': off by {error:.1e} relative; float32 rounding is {own:.1e}")
    if wrong:
        raise ParityError(
            explain(
                f"{len(wrong)} of {len(recording.tensors)} tensors in recording "
                f"'{recording.path}' are not what this graph and checkpoint compute",
                wrong,
                cause="it was recorded from another checkpoint, or in training mode.",
                fix="record it again from this checkpoint.",
            )
        )


def _compare_layers(
    migration: Migration,
    exact: Mapping[str, np.ndarray],
    original: Mapping[str, np.ndarray],
    single: Mapping[str, np.ndarray],
    double: Mapping[str, np.ndarray],
) -> Iterator[LayerParity]:
    for probe in migration.probes:
        name = probe.tensor
        function_error = compare.relative_error(double[name], exact[name])
        original_error = compare.relative_error(original[name], exact[name])
        keras_error = compare.relative_error(single[name], exact[name])
        equal_bits = single[name].tobytes() == original[name].tobytes()
        yield LayerParity(
            layer=probe.operation,
            scope=probe.scope,
            kind=probe.kind,
            tensor=name,
            shape=exact[name].shape,
            scale=float(np.max(np.abs(exact[name]), initial=0.0)),
            function_error=function_error,
            original_error=original_error,
            keras_error=keras_error,
            verdict=compare.judge(function_error, original_error, keras_error, equal_bits),
        )


def _reference(recording: Recording | None) -> Reference:
    import tensorflow as tf

    if recording is None:
        return Reference(f"graph run by TensorFlow {tf.__version__} on drawn inputs", 0)
    version = recording.versions["tensorflow"]
    return Reference(f"recorded by TensorFlow {version}", len(recording.tensors))


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
