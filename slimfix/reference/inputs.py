"""Draws inputs for a network of which no recording exists."""

from __future__ import annotations

import dataclasses
import math
from typing import Callable, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.errors import UsageError, explain
from slimfix.graphdef.variables import trace_variable
from slimfix.graphdef.view import GraphView
from slimfix.reference.asserted import Bounds, find_bounds

SEED = 20150321
# One a sample, in turns: activations saturate in the one and not in the other.
_SCALES = (0.5, 4.0)
# Of the mean, in that scale: what is silent for noise around zero may not be for bright images.
_OFFSETS = (0.0, 0.0, 1.0, 1.0, -1.0, -1.0)
# What an unknown size may be, by the rank of the input: steps, pixels, voxels.
_SIZES: Mapping[int, Sequence[int]] = {
    2: (16, 64),
    3: (16, 64, 256),
    4: (224, 299, 331, 128, 64, 32, 28, 16),
    5: (16, 32, 64, 112),
}
_LOOKUPS = ("Gather", "GatherV2", "ResourceGather")
_FEW_IDS = 10
_MOST = 2**28  # Numbers in one input; 1 GiB of float32.


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """What the graph takes at one of its inputs.

    Attributes:
      tensor: tensor name.
      shape: with the batch first; None for an unknown size.
      dtype: name, e.g. 'float32'.
    """

    tensor: str
    shape: tuple[int | None, ...]
    dtype: str


def draw_inputs(
    specs: Sequence[InputSpec],
    view: GraphView,
    takes: Callable[[Mapping[str, np.ndarray]], bool],
    batch: int | None = None,
    seed: int = SEED,
) -> dict[str, np.ndarray]:
    """Returns random inputs of a graph, with one batch size, the same for every call.

    Floating-point inputs are normal, with scales and means in turns from sample to sample; bytes
    are those of images, 0 to 255; booleans are either; other integers are ids of the rows of the
    tables that they look up. What a tf.Assert of the graph limits is drawn within its limits.

    Args:
      specs: the inputs.
      view: the graph; tells what integers look up.
      takes: tells whether the graph takes inputs of such shapes; asked where some size is unknown.
      batch: samples where no input tells how many; None for two.
      seed: another one gives other values.
    Returns: value by tensor name.
    Raises: UsageError: no size was found that the graph takes, or an input holds no numbers.
    """
    shapes = {spec.tensor: spec.shape for spec in specs}
    batch = next((shape[0] for shape in shapes.values() if shape[0]), batch or len(_SCALES))
    unknown = [t for t, shape in shapes.items() if None in shape[1:]]
    choices = max((len(_SIZES.get(len(shapes[t]), ())) for t in unknown), default=1)
    for choice in range(choices):
        _refuse_absurd(specs, batch, choice)
        generator = np.random.default_rng(seed)  # One: inputs that were alike would hide a swap.
        drawn = {
            spec.tensor: _draw(generator, spec, _complete(spec.shape, batch, choice), view)
            for spec in specs
        }
        if not unknown or takes(drawn):
            return drawn
    raise UsageError(
        explain(
            "Cannot draw inputs: no size was found that the graph takes",
            [f"'{tensor}' {_shape_text(shapes[tensor])}" for tensor in unknown],
            cause="only the network's owner knows its sizes.",
            fix="give inputs with --recording, or with --data where they are to be recorded.",
        )
    )


def _refuse_absurd(specs: Sequence[InputSpec], batch: int, choice: int) -> None:
    """Raises UsageError for inputs of more numbers than anybody feeds, before they are drawn."""
    counts = {spec.tensor: _count(_complete(spec.shape, batch, choice)) for spec in specs}
    absurd = [f"'{tensor}': {count:,} numbers" for tensor, count in counts.items() if count > _MOST]
    if absurd:
        raise UsageError(
            explain(
                f"Cannot draw {len(absurd)} of {len(counts)} inputs: the graph gives them no size "
                "that fits a computer like this",
                absurd,
                cause="the file is not what it seems.",
                fix="choose --inputs behind them, or give inputs with --recording, or with --data.",
            )
        )


def _count(shape: tuple[int, ...]) -> int:
    return int(np.prod(np.array(shape, object)))  # Of Python's numbers, which do not overflow.


def _complete(shape: tuple[int | None, ...], batch: int, choice: int) -> tuple[int, ...]:
    sizes = _SIZES.get(len(shape), (_FEW_IDS,))
    size = sizes[min(choice, len(sizes) - 1)]
    return (shape[0] or batch, *(known or size for known in shape[1:]))


def _draw(
    generator: np.random.Generator, spec: InputSpec, shape: tuple[int, ...], view: GraphView
) -> np.ndarray:
    dtype = np.dtype(spec.dtype) if spec.dtype != "string" else np.dtype(object)
    if np.issubdtype(dtype, np.floating):
        each = (shape[0],) + (1,) * (len(shape) - 1)
        scales, offsets = (np.resize(v, shape[0]).reshape(each) for v in (_SCALES, _OFFSETS))
        values = ((generator.normal(size=shape) + offsets) * scales).astype(dtype)
        return within(generator, values, find_bounds(view, spec.tensor))
    if dtype == np.bool_ or np.issubdtype(dtype, np.integer):
        return generator.integers(*whole_numbers(spec, view), shape).astype(dtype)
    raise UsageError(
        explain(
            f"Cannot draw values for input '{spec.tensor}' {spec.dtype}",
            cause="only the network's owner knows what may stand in it.",
            fix="choose --inputs behind what reads it, or give inputs with --recording, or with "
            "--data where they are to be recorded.",
        )
    )


def within(generator: np.random.Generator, values: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Returns values of the same shape and dtype within bounds: the same where there are none."""
    low, high = bounds.lowest(values.dtype), bounds.highest(values.dtype)
    if not low <= high or bounds == Bounds():
        return values
    if math.isfinite(low) and math.isfinite(high):
        moved = low + (high - low) * generator.random(values.shape)
    else:
        moved = low + np.abs(values) if math.isfinite(low) else high - np.abs(values)
    return np.clip(moved.astype(values.dtype), values.dtype.type(low), values.dtype.type(high))


def whole_numbers(spec: InputSpec, view: GraphView) -> tuple[int, int]:
    """Returns the lowest number to draw for an input of integers or booleans, and the one after the
    highest."""
    dtype = np.dtype(spec.dtype)
    if dtype == np.bool_:
        return 0, 2
    count = 256 if dtype == np.uint8 else _count_ids(view, spec.tensor)
    return _id_range(count, dtype, find_bounds(view, spec.tensor))


def _id_range(count: int, dtype: np.dtype, bounds: Bounds) -> tuple[int, int]:
    """Returns the lowest integer to draw, and the one after the highest."""
    low, high = bounds.lowest(dtype), bounds.highest(dtype)
    first = math.ceil(low) if math.isfinite(low) else 0
    last = min(math.floor(high) + 1, first + count) if math.isfinite(high) else first + count
    return (first, last) if first < last else (0, count)


def _count_ids(view: GraphView, tensor: str) -> int:
    """Returns the number of rows of the smallest table that a tensor's integers look up."""
    start = names.split_tensor_name(tensor)[0]
    below = view.descendants([start], control=False, stop=lambda node: node.op in _LOOKUPS)
    found = []
    for node in view.in_order(below):
        if node.op in _LOOKUPS and names.split_tensor_name(node.inputs[1])[0] in below:
            rows = _count_rows(view, node.inputs[0])
            if rows:
                found.append(rows)
    return min(found, default=_FEW_IDS)


def _count_rows(view: GraphView, table: str) -> int | None:
    variable = trace_variable(view, table)
    if variable:
        shape = view.nodes[variable].attr("shape")
    else:
        source = view.producer(table)
        while source.op == "Identity":
            source = view.producer(source.inputs[0])
        shape = source.attr("value").shape if source.op == "Const" else None
    return shape[0] if shape else None


def _shape_text(shape: Sequence[int | None]) -> str:
    return f"[{','.join('?' if size is None else str(size) for size in shape)}]"
