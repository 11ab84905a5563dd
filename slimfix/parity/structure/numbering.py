"""Numbers values by what makes them: a step's kind, its settings, the numbers of what it reads.

Equal numbers are equal computations (value numbering: Cocke and Schwartz, Programming Languages and
their Compilers, 1970).
"""

from __future__ import annotations

from typing import Hashable, Iterable, Mapping

from slimfix.parity.structure.kinds import is_elementwise
from slimfix.parity.structure.steps import Step, Value

Place = tuple[int, int]  # Id of a step, index of its result.

_COMMUTE = ("add", "multiply", "maximum", "minimum")


def core(value: Value) -> Place:
    return (id(value.step), value.index)


def read_key(value: Value, known: Mapping[Place, int], sees_shape: bool) -> Hashable:
    number = value.index if value.step is None else known[core(value)]
    source = ("input", number) if value.step is None else number
    return (source, value.shape if sees_shape and value.is_reshaped else None)


def number_all(
    steps: Iterable[Step], numbers: dict[Hashable, int], known: dict[Place, int]
) -> dict[Place, int]:
    """Numbers the results of steps, by place."""
    for step in steps:
        key = step_key(step, known)
        for index in range(len(step.shapes)):
            known[id(step), index] = numbers.setdefault((key, index), len(numbers))
    return known


def step_key(step: Step, known: Mapping[Place, int]) -> Hashable:
    sees_shape = not is_elementwise(step)
    reads = [read_key(value, known, sees_shape) for value in step.reads]
    if step.kind in _COMMUTE:
        reads.sort(key=repr)
    return (step.kind, step.settings, tuple(reads))
