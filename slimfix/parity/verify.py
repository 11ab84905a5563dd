"""Proves that a saved Keras model computes what the original graph computes."""

from __future__ import annotations

import platform
from typing import Any, Iterable, Mapping, Sequence

import numpy as np

import slimfix
from slimfix import names
from slimfix.errors import ParityError, UsageError, count, explain
from slimfix.migration.conversion import Migration
from slimfix.migration.eager import run_eagerly
from slimfix.migration.function import Function
from slimfix.migration.records import InputRecord
from slimfix.parity import keras_side
from slimfix.parity.layers import compare_layers
from slimfix.parity.result import ParityResult, Reference
from slimfix.parity.settings import compare_settings
from slimfix.parity.weights import compare_weights
from slimfix.reference.fits import check_fits
from slimfix.reference.inputs import InputSpec, draw_inputs
from slimfix.reference.original import graph_takes
from slimfix.reference.recording import Recording, checksum


def diff_parity(
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
      UsageError: the recording lacks an input of the network, or cannot be one of it; or the
        network computes no finite number for these inputs.
    """
    inputs = _inputs(migration, recording)
    recorded = recording.tensors if recording else {}
    _check_known(migration, recorded)
    model = run_eagerly(keras_side.load_model, model_path)
    _check_signature(model, migration)
    # A recording may hold tensors, and so need switches, that the outputs do not depend on.
    switches = {**(recording.switches if recording else {}), **migration.function.switches}
    rows, wrong = run_eagerly(
        compare_layers,
        model,
        migration,
        {**switches, **inputs},
        _keras_inputs(migration, inputs),
        recorded,
    )
    if recording and wrong:
        raise _recording_error(recording, wrong)
    return ParityResult(
        weights=run_eagerly(compare_weights, model, migration.plan, migration.read),
        settings=compare_settings(model, migration.plan),
        layers=tuple(rows),
        outputs=migration.signature.outputs,
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


def _inputs(migration: Migration, recording: Recording | None) -> dict[str, np.ndarray]:
    """Returns the value of each input by tensor name, as the original graph takes it."""
    function = migration.function
    specs = [_spec(record, function.permutations) for record in migration.plan.inputs]
    if recording is None:

        def takes(drawn: Mapping[str, np.ndarray]) -> bool:
            feeds = {**function.switches, **drawn}
            outputs = migration.signature.outputs
            return graph_takes(migration.view, migration.read, feeds, outputs)

        batch = None if function.batches else _fixed_batch(function)
        return draw_inputs(specs, migration.view, takes, batch)
    check_fits(recording, specs, function.switches)
    return {spec.tensor: recording.inputs[spec.tensor] for spec in specs}


def _spec(record: InputRecord, permutations: Mapping[str, tuple[int, ...]]) -> InputSpec:
    """Returns an input as it is in the graph, whose axes may have another order."""
    order = permutations.get(record.tensor, range(len(record.shape)))
    sizes = dict(zip(order, record.shape))
    shape = tuple(sizes[axis] for axis in range(len(record.shape)))
    return InputSpec(record.tensor, shape, record.dtype)


def _fixed_batch(function: Function) -> int | None:
    """Returns the size of the batch where the graph holds it as a number, beside its inputs."""
    shapes = [function.shapes.get(tensor) for tensor in function.outputs]
    return next((shape[0] for shape in shapes if shape and shape[0]), None)


def _keras_inputs(migration: Migration, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the same by Keras name, with axes in the model's order."""
    permutations = migration.function.permutations
    return {
        record.name: np.transpose(inputs[record.tensor], permutations[record.tensor])
        if record.tensor in permutations
        else inputs[record.tensor]
        for record in migration.plan.inputs
    }


def _recording_error(recording: Recording, wrong: Sequence[str]) -> ParityError:
    return ParityError(
        explain(
            f"{len(wrong)} of {len(recording.tensors)} tensors in recording "
            f"'{recording.path}' are not what this graph and checkpoint compute",
            wrong,
            cause="it was recorded from another checkpoint, or in training mode.",
            fix="record it again from this checkpoint.",
        )
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
