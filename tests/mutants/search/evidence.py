"""What tells two models apart, seen by running them: the proof is not asked.

Models are built in float64, where two programs of one function differ by 1e-13 or so.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Iterator

import numpy as np

from tests.mutants.search.sketch import Sketch, build

# Beyond it two models differ on usual inputs so that level L1, which goes to 1e-9, has to see it.
PLAIN = 1e-6
# Below it lies the rounding of float64.
ROUNDING = 1e-11
# Up to it two forms of one function are one: values that cancel out round more.
SAME = 1e-9
_SEED = 8
_OPEN = (12, 9)  # A height and a width where they are open.
_OTHER_SIZES = ((7, 7), (8, 9), (1, 2), (24, 24))


@dataclasses.dataclass(frozen=True)
class Evidence:
    """How far two models are apart: the largest difference over the largest value.

    Attributes:
      usual: on batches of noise of a few scales.
      anywhere: on those and on single samples, other sizes, large, tiny, constant and NaN values.
    """

    usual: float
    anywhere: float


class Planned:
    """The right model, run once on all inputs."""

    def __init__(self, sketch: Sketch):
        """Takes the sketch of it."""
        self.sketch = sketch
        model = build(sketch, "float64")
        self._usual = [(values, _run(model, values)) for values in _usual_inputs(sketch)]
        self._odd = [(values, _run(model, values)) for values in _odd_inputs(sketch)]

    def compare(self, changed: Sketch) -> Evidence:
        """Returns how far the inference of another sketch is from it, in float64.

        Raises: ValueError, TypeError, or an error of TensorFlow's: it cannot be built, or run.
        """
        model = build(changed, "float64")
        usual = max(_difference(model, *each) for each in self._usual)
        if usual > PLAIN:
            return Evidence(usual, usual)
        return Evidence(usual, max(usual, *(_difference(model, *each) for each in self._odd)))


def _usual_inputs(sketch: Sketch) -> Iterator[np.ndarray]:
    """Yields batches of images, float64, of an even number of samples."""
    draw = np.random.default_rng(_SEED)
    for samples, scale, mean in ((4, 1.0, 0.0), (2, 4.0, 2.0), (4, 0.3, -0.5)):
        yield draw.normal(mean, scale, (samples, *_size(sketch)))


def _odd_inputs(sketch: Sketch) -> Iterator[np.ndarray]:
    draw = np.random.default_rng(_SEED + 1)
    size = _size(sketch)
    for samples in (1, 3, 9):
        yield draw.normal(0.2, 2.0, (samples, *size))
    for scale in (1e-4, 1e3, 1e7):
        yield draw.normal(0.0, scale, (3, *size))
    yield np.abs(draw.normal(0.0, 1e6, (3, *size)))
    yield np.zeros((2, *size))
    yield np.full((2, *size), -1.5)
    broken = draw.normal(size=(3, *size))
    broken[0] = np.nan
    broken[1, ..., 0] = np.inf
    yield broken
    if None in sketch.inputs[0].shape[1:]:
        for height, width in _OTHER_SIZES:
            yield draw.normal(0.3, 2.0, (3, height, width, size[-1]))


def _size(sketch: Sketch) -> tuple[int, ...]:
    height, width, channels = sketch.inputs[0].shape[1:]
    assert channels is not None
    return (height or _OPEN[0], width or _OPEN[1], channels)


def _difference(model: Any, values: np.ndarray, planned: list[np.ndarray]) -> float:
    return max(map(_apart, planned, _run(model, values)))


def _run(model: Any, values: np.ndarray) -> list[np.ndarray]:
    made = model(values)
    return [np.asarray(each) for each in (made if isinstance(made, (list, tuple)) else [made])]


def _apart(planned: np.ndarray, found: np.ndarray) -> float:
    if planned.shape != found.shape:
        return float("inf")
    planned, found = planned.astype(np.float64), found.astype(np.float64)
    finite = np.isfinite(planned) & np.isfinite(found)
    same = np.where(finite, True, (planned == found) | (np.isnan(planned) & np.isnan(found)))
    if not np.all(same):
        return float("inf")
    scale = float(np.max(np.abs(planned), where=finite, initial=0.0))
    distance = float(np.max(np.abs(planned - found), where=finite, initial=0.0))
    return distance / scale if scale else (float("inf") if distance else 0.0)
