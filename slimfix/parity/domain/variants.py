"""Other inputs than those that are looked at layer by layer: other batches, sizes, values."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Iterator, Mapping, Sequence

import numpy as np

from slimfix.graphdef.view import GraphView
from slimfix.parity.domain.regimes import (
    HUGE,
    NEGATIVE,
    NORMAL,
    PIXELS,
    TINY,
    ZERO,
    Regime,
    draw_regimes,
)
from slimfix.reference.inputs import SEED, InputSpec

# Numbers in a sample, beyond which a batch holds three of them.
_LARGE = 2**16


@dataclasses.dataclass(frozen=True)
class Trial:
    """What is tried once; of its candidates the first that the original takes.

    Attributes:
      samples: batch size, where the graph leaves it open.
      regimes: of the samples, in turns.
      sizes: what the first open axis may be, by the rank of the input, smallest first; {} for the
        sizes that are looked at layer by layer.
      step: how much larger each further open axis is.
    """

    samples: int
    regimes: tuple[Regime, ...]
    sizes: Mapping[int, Sequence[int]] = dataclasses.field(default_factory=dict)
    step: int = 0


_ODD = {2: (17, 63), 3: (17, 63, 257), 4: (33, 65, 129, 225, 301), 5: (17, 33, 65)}
_EVEN = {2: (16, 64), 3: (16, 64, 256), 4: (32, 64, 128, 224, 320), 5: (16, 32, 64)}
_SMALL = {2: (1, 2, 5), 3: (1, 2, 5, 9), 4: (2, 5, 9, 17), 5: (2, 5, 9)}


def list_trials(specs: Sequence[InputSpec], keeps_batch_statistics: bool) -> list[Trial]:
    """Returns what is to be tried on a network of these inputs.

    Args:
      specs: the inputs.
      keeps_batch_statistics: whether batch norms take those of each batch, which of one sample may
        be those of one number.
    """
    few = 3 if keeps_batch_statistics else 1
    elements = sum(int(np.prod([size or 1 for size in spec.shape[1:]])) for spec in specs)
    regimes = (TINY, HUGE, ZERO) if elements > _LARGE else (TINY, HUGE, ZERO, NEGATIVE, NORMAL)
    if not any(None in spec.shape[1:] for spec in specs):
        return [Trial(few, (PIXELS,)), Trial(len(regimes), regimes)]
    return [
        Trial(few, (PIXELS,), _ODD, 14),
        Trial(len(regimes), regimes, _EVEN, 32),
        Trial(2, (NORMAL,), _SMALL, 1),
    ]


def draw_candidates(
    trial: Trial,
    specs: Sequence[InputSpec],
    usual: Mapping[str, np.ndarray],
    has_open_batch: bool,
    view: GraphView,
) -> Iterator[dict[str, np.ndarray]]:
    """Yields inputs of a trial by tensor name, until one is taken.

    Sides of different length come first, for they tell height from width; then equal ones; then
    the sizes of `usual`.

    Args:
      trial: see above.
      specs: the inputs.
      usual: those that are looked at layer by layer.
      has_open_batch: whether the graph takes other batch sizes than theirs.
      view: the graph.
    """
    for number, step in itertools.product(range(_most(trial)), (trial.step, 0)):
        shapes = {
            spec.tensor: _complete(spec.shape, trial.sizes.get(len(spec.shape), ()), number, step)
            for spec in specs
        }
        yield _draw(trial, specs, shapes, usual, has_open_batch, view)
    usual_shapes = {tensor: value.shape[1:] for tensor, value in usual.items()}
    yield _draw(trial, specs, usual_shapes, usual, has_open_batch, view)


def _most(trial: Trial) -> int:
    return max(map(len, trial.sizes.values()), default=0)


def _complete(
    shape: Sequence[int | None], sizes: Sequence[int], number: int, step: int
) -> tuple[int, ...]:
    """Returns the shape of a sample, the open axes filled in."""
    first = sizes[min(number, len(sizes) - 1)] if sizes else 1
    found: list[int] = []
    opened = 0
    for size in shape[1:]:
        found.append(size if size is not None else first + opened * step)
        opened += size is None
    return tuple(found)


def _draw(
    trial: Trial,
    specs: Sequence[InputSpec],
    shapes: Mapping[str, Sequence[int]],
    usual: Mapping[str, np.ndarray],
    has_open_batch: bool,
    view: GraphView,
) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(SEED)  # One: inputs that were alike would hide a swap.
    drawn = {}
    for spec in specs:
        is_open = has_open_batch and spec.shape[0] is None
        samples = trial.samples if is_open else len(usual[spec.tensor])
        shape = (samples, *shapes[spec.tensor])
        drawn[spec.tensor] = draw_regimes(generator, spec, shape, trial.regimes, view)
    return drawn
