"""Draws values of one kind for each sample: tiny, huge, none, of one sign, at the ends."""

from __future__ import annotations

import dataclasses
import math
from typing import Callable, Sequence

import numpy as np

from slimfix.graphdef.view import GraphView
from slimfix.reference.asserted import find_bounds
from slimfix.reference.inputs import InputSpec, whole_numbers, within

_Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Regime:
    """What the values of a sample are like.

    Attributes:
      name: in words.
      floats: draws float64 values of a shape.
      end: of whole numbers and booleans: 0 for the lowest, 1 for the highest; None to draw them.
    """

    name: str
    floats: _Draw
    end: int | None = None


TINY = Regime("1e-3", lambda generator, shape: 1e-3 * generator.normal(size=shape))
HUGE = Regime("1e4", lambda generator, shape: 1e4 * generator.normal(size=shape), end=1)
ZERO = Regime("zeros", lambda generator, shape: np.zeros(shape), end=0)
PIXELS = Regime("0 to 255", lambda generator, shape: generator.uniform(0, 255, shape))
NEGATIVE = Regime("negative", lambda generator, shape: -np.abs(generator.normal(size=shape)))
NORMAL = Regime("normal", lambda generator, shape: generator.normal(size=shape))


def draw_regimes(
    generator: np.random.Generator,
    spec: InputSpec,
    shape: Sequence[int],
    regimes: Sequence[Regime],
    view: GraphView,
) -> np.ndarray:
    """Returns the values of an input, the samples in the regimes in turns.

    Args:
      generator: draws them.
      spec: the input; of numbers, or `draw_inputs` would have refused it.
      shape: with the batch first.
      regimes: see above.
      view: the graph: tells which ids there are, and what its asserts allow.
    """
    dtype = np.dtype(spec.dtype)
    turns = [regimes[sample % len(regimes)] for sample in range(shape[0])]
    size = tuple(shape[1:])
    if np.issubdtype(dtype, np.floating):
        drawn = np.stack([regime.floats(generator, size) for regime in turns])
        return within(generator, drawn.astype(dtype), find_bounds(view, spec.tensor))
    low, high = whole_numbers(spec, view)
    samples = [
        np.full(size, (low, high - 1)[regime.end])
        if regime.end is not None
        else generator.integers(low, high, size)
        for regime in turns
    ]
    return np.stack(samples).astype(dtype)


def describe_values(values: np.ndarray) -> str:
    """Returns the range of an input in short, e.g. '-4.1e+04 to 3.9e+04'."""
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.3g} to {high:.3g}" if math.isfinite(low) and math.isfinite(high) else "any"
