"""Proves that a saved Keras model computes what the original graph computes."""

from __future__ import annotations

import platform
from typing import Any, Iterable, Iterator, Mapping, Sequence

import numpy as np

import slimfix
from slimfix import names
from slimfix.errors import ParityError, UsageError, count, explain
from slimfix.migration.build import Probe
from slimfix.migration.conversion import Migration
from slimfix.migration.eager import run_eagerly
from slimfix.parity import compare, keras_side
from slimfix.parity.inputs import draw_inputs
from slimfix.parity.recording import Recording, check_fits, checksum
from slimfix.parity.reference import run_reference
from slimfix.parity.result import LayerParity, ParityResult, Reference
from slimfix.parity.settings import compare_settings
from slimfix.parity.weights import compare_weights

# A recording by another TensorFlow rounds in another order; a wrong one is off by far more.
_RECORDING_FACTOR = 16.0


def verify_parity(
    model_path: str, migration: Migration, recording: Recording | None = None
) -> ParityResult:
    """Returns the proof, passed or not, that a `.keras` file is the network it was made from.

    Level L0 compares weights bit by bit, and the settings that decide training. Level L1
    compares the output of every layer: the model in float64 against the original graph in
    float64, which decides; and both float32 sides against that, which tells how much each
    rounds.

    Args:
      model_path: `.keras` file; it is loaded with plain Keras.
      migration: the graph and checkpoint it was made from.
      recording: what the original computed; None to draw inputs and run the graph now.
    Returns: ParityResult; see its `passed` and `first_difference`.
    Raises:
      ParityError: the recording is not of this graph and checkpoint.
      UsageError: the recording lacks an input of the network, or cannot be one of it.
    """
    inputs = _inputs(migration, recording)
    # A recording may hold tensors, and so need switches, that the outputs do not depend on.
    more = recording.switches if recording else {}
    feeds = {**more, **inputs, **migration.function.switches}
    asked = migration.signature.outputs
    recorded = dict(recording.tensors) if recording else {}
    _check_known(migration, recorded)
    fetches = list(dict.fromkeys([*(p.tensor for p in migration.probes), *asked, *recorded]))
    exact = _run(migration, feeds, fetches, float64=True)
    rerun = _run(migration, feeds, fetches, float64=False)
    if recording:
        _check_recording(recording, exact, rerun)
    aliases = migration.function.aliases
    original = {**rerun, **{aliases.get(name, name): value for name, value in recorded.items()}}
    original.update(recorded)
    model = run_eagerly(keras_side.load_model, model_path)
    _check_signature(model, migration)
    keras_inputs = {record.name: inputs[record.tensor] for record in migration.plan.inputs}
    single = run_eagerly(keras_side.run_model, model, keras_inputs, migration.probes)
    twin = run_eagerly(keras_side.float64_twin, model)
    double = run_eagerly(keras_side.run_model, twin, keras_inputs, migration.probes)
    return ParityResult(
        weights=run_eagerly(compare_weights, model, migration.plan, migration.checkpoint.read),
        settings=compare_settings(model, migration.plan),
        layers=tuple(_compare_layers(migration, exact, original, single, double)),
        outputs=asked,
        reference=_reference(recording),
        inputs_sha256=checksum(inputs),
        samples=len(next(iter(inputs.values()))),
        versions=_versions(),
    )


def _check_known(migration: Migration, tensors: Iterable[str]) -> None:
    unknown = [t for t in tensors if names.split_tensor_name(t)[0] not in migration.view]
    if unknown:
        raise UsageError(
            explain(
                f"{count(len(unknown), 'recorded tensor')} not in the graph",
                [f"'{name}'" for name in unknown],
                cause="it was recorded from another network.",
            )
        )


def _check_signature(model: Any, migration: Migration) -> None:
    planned = [record.name for record in migration.plan.inputs]
    found = [tensor.name for tensor in model.inputs]
    wanted = len(migration.signature.outputs)
    if found != planned or len(model.outputs) != wanted:
        raise ParityError(
            explain(
                "The saved model does not take and give what was asked for",
                [
                    f"inputs: planned {', '.join(planned)}; saved {', '.join(found)}",
                    f"outputs: planned {wanted}; saved {len(model.outputs)}",
                ],
            )
        )


def _run(
    migration: Migration, feeds: Mapping[str, Any], fetches: Sequence[str], float64: bool
) -> dict[str, np.ndarray]:
    return run_reference(migration.view, migration.read, feeds, fetches, float64)


def _inputs(migration: Migration, recording: Recording | None) -> dict[str, np.ndarray]:
    if recording is None:
        return draw_inputs(migration.plan.inputs)
    check_fits(recording, migration.plan.inputs, migration.function.switches)
    return {record.tensor: recording.inputs[record.tensor] for record in migration.plan.inputs}


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
    single: keras_side.ModelRun,
    double: keras_side.ModelRun,
) -> Iterator[LayerParity]:
    """Yields a row for every layer, in data-flow order.

    The row of a layer that makes an output holds the values that the model gives for that output,
    and the original's under the name that was asked for.
    """
    aliases = migration.function.aliases
    pending = {
        (index, asked): aliases.get(asked, asked)
        for index, asked in enumerate(migration.signature.outputs)
    }
    for probe in migration.probes:
        given = [key for key, tensor in pending.items() if tensor == probe.tensor]
        for index, asked in given:
            yield _compare(
                probe, asked, exact, original, single.outputs[index], double.outputs[index]
            )
        if not given:
            name = probe.tensor
            yield _compare(probe, name, exact, original, single.probed[name], double.probed[name])


def _compare(
    probe: Probe,
    tensor: str,
    exact: Mapping[str, np.ndarray],
    original: Mapping[str, np.ndarray],
    single: np.ndarray,
    double: np.ndarray,
) -> LayerParity:
    function_error = compare.relative_error(double, exact[tensor])
    original_error = compare.relative_error(original[tensor], exact[tensor])
    keras_error = compare.relative_error(single, exact[tensor])
    equal_bits = single.tobytes() == original[tensor].tobytes()
    return LayerParity(
        layer=probe.operation,
        scope=probe.scope,
        kind=probe.kind,
        tensor=tensor,
        shape=exact[tensor].shape,
        scale=float(np.max(np.abs(exact[tensor]), initial=0.0)),
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
