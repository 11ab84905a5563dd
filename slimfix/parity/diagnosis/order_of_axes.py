"""Guesses about what flattens or reshapes: in which order it reads the axes."""

from __future__ import annotations

import itertools
from typing import Any, Iterator

import numpy as np

from slimfix.parity.diagnosis.chain import Repair
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.segment import Segment

_KINDS = ("Flatten", "Reshape")
_NAMES = {2: ("width", "channels"), 3: ("height", "width", "channels")}


def guess_order(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields every other order in which a reshape may read the axes behind the batch."""
    step = segment.chain.steps[index]
    if step.kind not in _KINDS:
        return
    rank = len(step.inputs[0].shape)
    if not 3 <= rank <= 5:
        return
    names = _NAMES.get(rank - 1, tuple(f"axis {axis}" for axis in range(1, rank)))
    shape = tuple(step.outputs[0].shape[1:])
    for order in itertools.permutations(range(rank - 1)):
        if order != tuple(range(rank - 1)):
            wanted = ", ".join(names[axis] for axis in order)
            text = f"flattened as {', '.join(names)} in place of {wanted}"
            yield Hypothesis(text, {index: _reshape(order, shape)})


def _reshape(order: tuple[int, ...], shape: tuple[Any, ...]) -> Repair:
    def reshape(values: Any) -> np.ndarray:
        moved = np.transpose(np.asarray(values), (0, *(axis + 1 for axis in order)))
        return moved.reshape((len(moved), *(-1 if size is None else size for size in shape)))

    return reshape
