"""What a network is recorded on: drawn inputs, or the user's own."""

from __future__ import annotations

import dataclasses
from typing import Callable, Mapping, Sequence

import numpy as np

from slimfix import names, numpy_files
from slimfix.dtypes import dtype_name
from slimfix.errors import UsageError, count, explain
from slimfix.graphdef.view import GraphView
from slimfix.network.input_types import read_input_type
from slimfix.numpy_files import UnreadableError, read_numpy_file
from slimfix.reference.inputs import SEED, InputSpec, draw_inputs
from slimfix.reference.recording_checks import find_misfits

Data = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Feeds:
    """What is fed.

    Attributes:
      inputs: value by tensor name; for all but optimizer steps.
      batches: the same for the optimizer steps, all of one size.
    """

    inputs: Data
    batches: Sequence[Data]


def read_data(path: str) -> np.ndarray | Data:
    """Returns the arrays of an .npz file by name, or the only one of an .npy file.

    Raises: UsageError: it is none of these.
    """
    try:
        return read_numpy_file(path)
    except UnreadableError as error:
        raise UsageError(
            explain(
                f"Cannot read arrays from '{path}'",
                [str(error)],
                fix="write it with numpy.savez(path, **{'images': images}).",
            )
        ) from error


def read_specs(view: GraphView, inputs: Sequence[str]) -> list[InputSpec]:
    """Returns what a graph takes at its inputs."""
    fed = [(tensor, *read_input_type(view, tensor)) for tensor in inputs]
    return [InputSpec(tensor, shape, dtype_name(dtype)) for tensor, shape, dtype in fed]


def find_batch_size(view: GraphView, outputs: Sequence[str]) -> int | None:
    """Returns the size of the batch where the graph holds it as a number, beside its inputs."""
    for tensor in outputs:
        name, index = names.split_tensor_name(tensor)
        shape = view.nodes[name].output_shape(index)
        if shape and shape[0]:
            return int(shape[0])
    return None


def draw_feeds(
    specs: Sequence[InputSpec],
    view: GraphView,
    takes: Callable[[Data], bool],
    batch_size: int,
    batches: int,
) -> Feeds:
    """Returns random feeds, the same for every call.

    Args:
      specs, view, takes: as of `inputs.draw_inputs`, which raises.
      batch_size: samples, where no input tells how many.
      batches: number of batches.
    """
    drawn = [
        draw_inputs(specs, view, takes, batch_size, SEED + number) for number in range(batches + 1)
    ]
    return Feeds(drawn[0], drawn[1:])


def cut_feeds(
    specs: Sequence[InputSpec],
    data: np.ndarray | Data,
    takes: Callable[[Data], bool],
    batch_size: int,
    batches: int,
) -> Feeds:
    """Returns feeds of the user's own values: all of them, and cut into batches.

    Args:
      specs: the inputs.
      data: value by tensor name, with or without ':0'; or that of the only input.
      takes: tells whether the graph takes inputs of such shapes.
      batch_size, batches: upper bounds, for the data may hold fewer samples.
    Raises: UsageError: the data are not those of the inputs, or not of one length.
    """
    types = {spec.tensor: spec.dtype for spec in specs}
    given = {
        name: cast(value, types.get(name)) for name, value in by_tensor_name(specs, data).items()
    }
    wrong = find_misfits(given, specs, "given")
    if wrong:
        raise _no_inputs(wrong)
    inputs = {tensor: given[tensor] for tensor in types}
    lengths = {len(value) for value in inputs.values()}
    if len(lengths) != 1 or not takes(inputs):
        raise _no_inputs([f"'{t}': {list(v.shape)} {v.dtype}" for t, v in inputs.items()])
    size = min(batch_size, *lengths)
    if any(spec.shape[0] for spec in specs):
        size = min(lengths)
    starts = range(0, min(lengths) - size + 1, size)[:batches]
    cut = [
        {name: value[start : start + size] for name, value in inputs.items()} for start in starts
    ]
    return Feeds(inputs, cut)


def _no_inputs(wrong: Sequence[str]) -> UsageError:
    return UsageError(
        explain(
            "The network does not take these data",
            wrong,
            cause="an array is another's, has other sizes, or another number of samples.",
            fix="give an array for each input, named after its tensor; the first axis counts "
            "samples.",
        )
    )


def by_tensor_name(specs: Sequence[InputSpec], data: np.ndarray | Data) -> dict[str, np.ndarray]:
    """Returns data of one batch by full tensor name; a lone array is that of the only input.

    Raises: UsageError: a lone array was given for several inputs.
    """
    if isinstance(data, Mapping):
        return numpy_files.by_tensor_name(data)
    if len(specs) != 1:
        raise UsageError(
            explain(
                f"One array was given, and the network has {count(len(specs), 'input')}",
                [f"'{spec.tensor}'" for spec in specs],
                fix="name the arrays: numpy.savez(path, **{'images': images}).",
            )
        )
    return {specs[0].tensor: np.asarray(data)}


def cast(value: np.ndarray, dtype: str | None) -> np.ndarray:
    """Returns an array as a session casts what it is fed; as it is where it would not."""
    is_number = dtype not in (None, "string")
    fits = is_number and np.can_cast(value.dtype, str(dtype), "same_kind")
    return value.astype(str(dtype)) if fits else value
