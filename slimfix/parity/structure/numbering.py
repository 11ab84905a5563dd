"""Numbers values by what makes them: a step's kind, its settings, the numbers of what it reads.

Equal numbers are equal computations (value numbering: Cocke and Schwartz, Programming Languages and
their Compilers, 1970).
"""

from __future__ import annotations

from typing import Hashable, Iterable, Mapping

from slimfix.parity.structure.kinds import COMMUTATIVE, is_elementwise
from slimfix.parity.structure.steps import Step, Value

Place = tuple[int, int]  # Id of a step, index of its result.


def core(value: Value) -> Place:
    """Returns where a value is made, whatever shape it is seen in."""
    return (id(value.step), value.index)


def read_key(value: Value, known: Mapping[Place, int], sees_shape: bool) -> Hashable:
    """Returns what a reader knows a value by; its shape too, where that is another than made."""
    number = value.index if value.step is None else known[core(value)]
    source = ("input", number) if value.step is None else number
    return (source, value.shape if sees_shape and value.is_reshaped else None)


def number_all(
    steps: Iterable[Step], numbers: dict[Hashable, int], same: Mapping[Place, int]
) -> dict[Place, int]:
    """Returns the numbers of the results of steps, by place.

    Args:
      steps: in an order in which they can run.
      numbers: those given so far, by what makes a value; grows.
      same: numbers by place, of values that are known to be others'.
    """
    known: dict[Place, int] = {}
    for step in steps:
        key = _step_key(step, known)
        for index in range(len(step.shapes)):
            number = numbers.setdefault((key, index), len(numbers))
            known[id(step), index] = same.get((id(step), index), number)
    return known


def _step_key(step: Step, known: Mapping[Place, int]) -> Hashable:
    sees_shape = not is_elementwise(step)
    reads = [read_key(value, known, sees_shape) for value in step.reads]
    if step.kind in COMMUTATIVE:
        reads.sort(key=repr)
    return (step.kind, step.settings, tuple(reads))
