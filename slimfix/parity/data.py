"""The inputs of a proof: the user's own, recorded ones, or drawn ones."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Iterable, Mapping, Sequence

import numpy as np

from slimfix.errors import UsageError, explain, naming
from slimfix.migration.conversion import Migration
from slimfix.parity.trajectory import Course
from slimfix.reference.feeds import by_tensor_name, cast, read_data, read_specs
from slimfix.reference.inputs import InputSpec, draw_inputs
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.original import graph_takes
from slimfix.reference.recording import Recording
from slimfix.reference.recording_checks import check_recording, find_misfits

_Arrays = Mapping[str, np.ndarray]

# Batch statistics of fewer samples than this say little about a layer.
_TRAINING_BATCH = 4
_BATCHES = 4
# Of all samples for level L1, which are at least two.
_ELEMENTS, _SAMPLES = 2**16, 16
_SEED = 20150321
_MOST = 64  # Batches taken from a generator, which may have no end.


@dataclasses.dataclass(frozen=True)
class Data:
    """What a proof runs on.

    Attributes:
      inference: inputs by tensor name, for level L1.
      batches: inputs by tensor name, the first for levels L2 and L3, all in turns for L4.
    """

    inference: _Arrays
    batches: Sequence[_Arrays]


def choose_data(
    migration: Migration,
    data: Any,
    recording: Recording | None,
    drawn: Sequence[InputSpec] | None = None,
) -> Data:
    """Returns the inputs of a proof.

    Args:
      migration: of the network.
      data: path of an .npz or .npy file; an array; a dict of arrays; or an iterable of such, one a
        batch, of which the first 64 are taken; None to draw. Names are tensor names, or those of
        the Keras inputs; arrays of other names, such as labels, are left out. So are, from level L2
        on, batches of fewer or more samples than the first.
      recording: its inputs are taken, and `data` is None.
      drawn: the inputs, with the sizes that may be drawn; None for those of the graph.
    Raises: UsageError: the inputs are not such as the network takes, or cannot be drawn.
    """
    specs = read_specs(migration.view, migration.signature.inputs)
    drawn = drawn or specs
    if recording is not None:
        if data is not None:
            raise UsageError("data and recording are two sets of inputs; give one")
        check_recording(recording, specs, migration.function.switches)
        recorded = {spec.tensor: recording.inputs[spec.tensor] for spec in specs}
        trains = recording.training or recording.gradients
        return Data(recorded, [recorded] if trains else _draw_batches(migration, drawn))
    if data is None:
        inference = _draw(migration, drawn, _count_samples(drawn), _SEED)
        return Data(inference, _draw_batches(migration, drawn))
    with naming(os.fspath(data) if isinstance(data, (str, os.PathLike)) else None, "Data"):
        return _given(migration, specs, data)


def _given(migration: Migration, specs: Sequence[InputSpec], data: Any) -> Data:
    """Returns the inputs that the user gives."""
    batches = [_named(migration, specs, batch) for batch in _read(data)]
    wrong = [line for batch in batches for line in find_misfits(batch, specs, "given")]
    wrong = wrong or _find_unlike(batches, specs)
    if wrong or not batches:
        raise UsageError(
            explain(
                "The data is not such as the network takes",
                list(dict.fromkeys(wrong)) or ["it holds no batch"],
                fix="name each array after the tensor that it feeds, with its dtype and shape.",
            )
        )
    batches = [{spec.tensor: batch[spec.tensor] for spec in specs} for batch in batches]
    if len(batches) == 1:
        return Data(batches[0], _cut(batches[0]))
    together = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    return Data(together, [batch for batch in batches if _shapes(batch) == _shapes(batches[0])])


def choose_course(
    data: Data, shapes: Sequence[Sequence[tuple[int, ...]]], optimizer: Optimizer, steps: int
) -> Course:
    """Returns a trajectory on chosen batches, with drawn targets.

    Args:
      data: of the proof.
      shapes: of the floating-point outputs, for each batch.
      optimizer: takes the steps.
      steps: number of steps.
    """
    generator = np.random.default_rng(_SEED)
    targets = [
        [generator.normal(size=shape).astype(np.float32) for shape in each] for each in shapes
    ]
    return Course(optimizer, data.batches, targets, steps)


def draw_cotangents(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Returns a seeded standard normal array for each shape."""
    generator = np.random.default_rng(_SEED)
    return [generator.normal(size=shape).astype(np.float32) for shape in shapes]


def _draw(
    migration: Migration, specs: Sequence[InputSpec], batch: int | None, seed: int
) -> dict[str, np.ndarray]:
    function = migration.function

    def takes(drawn: _Arrays) -> bool:
        feeds = {**function.switches, **drawn}
        outputs = migration.signature.outputs
        return graph_takes(migration.view, migration.read, feeds, outputs)

    if not function.batches:  # The graph may hold the size as a number, beside its inputs.
        shapes = [function.shapes.get(tensor) for tensor in function.outputs]
        batch = next((shape[0] for shape in shapes if shape and shape[0]), batch)
    return draw_inputs(specs, migration.view, takes, batch, seed)


def _count_samples(specs: Sequence[InputSpec]) -> int | None:
    """Returns how many samples to draw for level L1: more of small ones.

    In two samples, many a channel of a small network is silent behind its activation.
    """
    shapes = [tuple(size or 0 for size in spec.shape[1:]) for spec in specs]
    if any(0 in shape for shape in shapes):
        return None
    elements = sum(int(np.prod(shape)) for shape in shapes)
    return int(np.clip(_ELEMENTS // elements, 2, _SAMPLES))


def _draw_batches(migration: Migration, specs: Sequence[InputSpec]) -> list[_Arrays]:
    return [_draw(migration, specs, _TRAINING_BATCH, _SEED + 1 + turn) for turn in range(_BATCHES)]


def _read(data: Any) -> list[Any]:
    """Returns the batches that the user gave, each an array or a dict of arrays."""
    if isinstance(data, (str, os.PathLike)):
        data = read_data(os.fspath(data))
    if isinstance(data, (np.ndarray, Mapping)):
        return [data]
    if not isinstance(data, Iterable):
        raise UsageError(f"data is a {type(data).__name__}; want arrays, or an iterable of batches")
    found = []
    for batch in data:
        found.append(batch)
        if len(found) == _MOST:
            break
    return found


def _named(migration: Migration, specs: Sequence[InputSpec], batch: Any) -> dict[str, np.ndarray]:
    """Returns a batch by tensor name, cast as a session would cast it.

    Of a tuple, such as (images, labels), the first is taken, as Keras does.
    """
    if isinstance(batch, (tuple, list)):
        batch = batch[0]
    if isinstance(batch, Mapping):
        by_keras = {record.name: record.tensor for record in migration.plan.inputs}
        batch = {by_keras.get(name, name): value for name, value in batch.items()}
    types = {spec.tensor: spec.dtype for spec in specs}
    found = by_tensor_name(specs, batch)
    return {name: cast(value, types.get(name)) for name, value in found.items()}


def _find_unlike(batches: Sequence[_Arrays], specs: Sequence[InputSpec]) -> list[str]:
    """Returns a line for each input of a batch that is not as large as in the first batch, but for
    the number of samples: one network is run on all of them together."""
    free = [spec.tensor for spec in specs if spec.shape[0] is None]
    uneven = [
        f"batch {number}: " + ", ".join(f"{len(batch[t])} samples of '{t}'" for t in free)
        for number, batch in enumerate(batches, 1)
        if len({len(batch[tensor]) for tensor in free}) > 1
    ]
    return uneven or [
        f"input '{spec.tensor}': {list(batch[spec.tensor].shape)} in batch {number}; "
        f"{list(batches[0][spec.tensor].shape)} in the first"
        for number, batch in enumerate(batches, 1)
        for spec in specs
        if batch[spec.tensor].shape[1:] != batches[0][spec.tensor].shape[1:]
    ]


def _shapes(batch: _Arrays) -> list[tuple[int, ...]]:
    return [value.shape for value in batch.values()]


def _cut(batch: _Arrays) -> list[_Arrays]:
    """Returns up to four batches of one size, of at least four samples each where there are so
    many; what is left over is left out."""
    samples = min(len(value) for value in batch.values())
    count = max(1, min(_BATCHES, samples // _TRAINING_BATCH))
    size = samples // count
    return [
        {name: value[turn * size : (turn + 1) * size] for name, value in batch.items()}
        for turn in range(count)
    ]
