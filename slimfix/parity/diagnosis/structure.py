"""Guesses about layers that the model has too many of or lacks, and about what a layer reads."""

from __future__ import annotations

import itertools
from typing import Iterable, Iterator, Sequence

import numpy as np

from slimfix.parity.diagnosis import activation, batch_norm
from slimfix.parity.diagnosis.chain import Repair, Step
from slimfix.parity.diagnosis.hypothesis import Hypothesis, identity
from slimfix.parity.diagnosis.mode import is_random
from slimfix.parity.diagnosis.segment import Segment

_MOST_INPUTS = 4


def guess_extra(segment: Segment) -> Iterator[Hypothesis]:
    """Yields the guesses that a layer is one too many, or that all such are."""
    steps = segment.chain.steps
    extra = [i for i in segment.extra if _keeps_shape(steps[i]) and not is_random(steps[i])]
    for index in extra:
        step = segment.chain.steps[index]
        text = _order(segment, step) or f"layer '{step.name}' ({step.kind}) extra"
        yield Hypothesis(text, {index: identity})
    if len(extra) > 1:
        text = f"layers {_list(segment.chain.steps[index] for index in extra)} extra"
        yield Hypothesis(text, dict.fromkeys(extra, identity))


def guess_reading(segment: Segment) -> Iterator[Hypothesis]:
    """Yields the guess that the layer should read what the plan has it read.

    That is that layers before it are missing, or other ones, or that it reads the wrong tensor.
    """
    if segment.end is None:
        return
    step = segment.chain.steps[segment.end]
    name = segment.planned_name(step)
    planned = next((i for i, s in enumerate(segment.planned.steps) if s.name == name), None)
    if planned is None:
        return
    wanted = segment.planned.inputs(planned)
    given = segment.chain.inputs(segment.end)
    if len(wanted) != len(given) or all(map(np.array_equal, wanted, given)):
        return
    extra = [segment.chain.steps[i] for i in segment.extra if i < segment.end]
    # A dropout passes on what it is given: whether it is there, values do not tell.
    missing = [step for step in segment.missing if not is_random(step)] or segment.missing
    if extra and not missing and all(map(_keeps_shape, extra)):
        return  # `guess_extra` tells.
    if missing and extra:
        text = f"{_list(extra)} in place of {_list(missing)}"
    elif missing:
        text = f"{'layers' if len(missing) > 1 else 'layer'} {_list(missing)} missing"
    else:
        text = f"'{step.name}' reads another tensor than planned"
    yield Hypothesis(text, {segment.end: _given(step, wanted)})


def guess_argument_order(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields every other order of the inputs of a layer that takes several."""
    step = segment.chain.steps[index]
    number = len(step.inputs)
    if not 2 <= number <= _MOST_INPUTS:
        return
    for order in itertools.permutations(range(number)):
        if order != tuple(range(number)):
            text = f"inputs in another order than {', '.join(str(place + 1) for place in order)}"
            yield Hypothesis(text, {index: _reordered(step, order)})


def _given(step: Step, wanted: Sequence[np.ndarray]) -> Repair:
    return lambda *_: step.call(*wanted)


def _reordered(step: Step, order: tuple[int, ...]) -> Repair:
    return lambda *inputs: step.call(*(inputs[place] for place in order))


def _keeps_shape(step: Step) -> bool:
    made, taken = step.outputs, step.inputs
    return len(made) == len(taken) == 1 and made[0].shape == taken[0].shape


def _order(segment: Segment, step: Step) -> str | None:
    """Names a layer that stands before its place: the plan has it too, behind what it is before."""
    if segment.record(step) is None or segment.end is None:
        return None
    last = segment.chain.steps[segment.end]
    if activation.is_only(step) and last.kind in batch_norm.KINDS:
        return f"activation {activation.name_of(step)} before batch norm in place of after it"
    if step.kind in batch_norm.KINDS and activation.is_only(last):
        return f"activation {activation.name_of(last)} after batch norm in place of before it"
    return None


def _list(steps: Iterable[Step]) -> str:
    return " and ".join(f"'{step.name}' ({step.kind})" for step in steps)
