"""Finds the faulty layer by its values, where names do not tell: in a model made by other hands."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
from typing import Any, Iterable, Iterator, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.parity.compare import SAME_FUNCTION
from slimfix.parity.diagnosis import activation
from slimfix.parity.diagnosis.chain import Chain, Step, find_steps
from slimfix.parity.diagnosis.scales import worst_error
from slimfix.parity.diagnosis.segment import Segment, run_original

_MOST_ELEMENTS = 2**25  # Of all float64 values of one model: a quarter of a gigabyte.


def narrow(segment: Segment, feeds: Mapping[str, Any]) -> Segment:
    """Returns the part of a segment in which the first wrong value comes about.

    A step agrees if it gives what some planned step gives, in float64. The first that does not is
    set beside the first planned one that nothing agrees with, or with the next of its kind. What
    lies between them and the values that agree is the new segment.

    Args:
      segment: whose steps have names of their own; any other is returned as it is.
      feeds: value by tensor name of the graph.
    Returns: a segment of the first samples only, if there are many and large ones.
    """
    if not (segment.extra and segment.missing):
        return segment
    some = segment.of_samples(_how_many(segment))
    mine, theirs = some.chain.values(), some.planned.values()
    agree = _find_equal(mine, theirs, some.scales)
    wrong = [step for step in some.chain.steps if not _outputs(step) <= set(agree)]
    reached = set(agree.values())
    lacking = [step for step in some.planned.steps if not _outputs(step) <= reached]
    pair = _pair(wrong, lacking)
    if pair is None:
        first = [index for index, step in enumerate(some.chain.steps) if step in wrong[:1]]
        return dataclasses.replace(some, suspects=tuple(first))
    step, planned = pair
    end = _with_activation(step, planned, some.planned.steps)
    # What was known agrees too, also where only one side reads it.
    chain = _chain_to(step, {key: mine[key] for key in {*agree, *some.chain.known}})
    as_planned = _chain_to(end, {key: theirs[key] for key in reached | some.planned.known})
    alike = dict(_name_alike(chain.steps, as_planned.steps))
    return dataclasses.replace(
        some,
        chain=chain,
        planned=as_planned,
        end=len(chain.steps) - 1,
        expected=_expected(some, end, theirs, feeds),
        inputs={key: value for key, value in some.inputs.items() if _reads(chain, key)},
        suspects=tuple(range(len(chain.steps))),
        called={**alike, step.name: planned.name},
    )


def _how_many(segment: Segment) -> int:
    elements = sum(
        math.prod(size or 1 for size in tensor.shape[1:])
        for step in segment.chain.steps
        for tensor in step.outputs
    )
    return max(_MOST_ELEMENTS // max(elements * segment.scales, 1), 1)


def _outputs(step: Step) -> set[int]:
    return set(map(id, step.outputs))


def _find_equal(
    mine: Mapping[int, np.ndarray], theirs: Mapping[int, np.ndarray], scales: int
) -> dict[int, int]:
    """Returns by id of a tensor the id of one of the other model's that has its values."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for key, value in theirs.items():
        by_shape.setdefault(value.shape, []).append(key)
    found = {}
    for key, value in mine.items():
        for other in by_shape.get(value.shape, ()):
            if worst_error(value, theirs[other], scales) <= SAME_FUNCTION:
                found[key] = other
                break
    return found


def _pair(wrong: Sequence[Step], lacking: Sequence[Step]) -> tuple[Step, Step] | None:
    """Returns the first two steps of one kind, as few steps behind the first as can be."""
    pairs = [
        (i, j)
        for (i, one), (j, other) in itertools.product(enumerate(wrong), enumerate(lacking))
        if _kind(one) == _kind(other)
    ]
    if not pairs:
        return None
    first, second = min(pairs, key=lambda pair: (sum(pair), pair))
    return wrong[first], lacking[second]


def _kind(step: Step) -> str:
    """Any activation may stand for any other: layers, operations, keras.layers.Activation."""
    return "activation" if activation.is_only(step) else step.kind


def _with_activation(step: Step, planned: Step, steps: Sequence[Step]) -> Step:
    """Returns the planned activation behind a planned step, where the model's own step has one."""
    if activation.is_only(step) or activation.name_of(step) in (None, activation.NONE):
        return planned
    made = planned.outputs[0]
    readers = [each for each in steps if any(t is made for t in each.inputs)]
    return readers[0] if len(readers) == 1 and activation.is_only(readers[0]) else planned


def _chain_to(step: Step, known: Mapping[int, np.ndarray]) -> Chain:
    end = step.outputs[0]
    steps, read = find_steps(end, known)
    return Chain(steps, end, {id(tensor): known[id(tensor)] for tensor in read})


def _reads(chain: Chain, key: int) -> bool:
    return any(id(t) == key for step in chain.steps for t in step.inputs)


def _name_alike(steps: Sequence[Step], planned: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """Yields (name, planned name) of steps that follow each other in the same kinds."""
    mine, theirs = ([_kind(each) for each in some] for some in (steps, planned))
    matcher = difflib.SequenceMatcher(None, mine, theirs, autojunk=False)
    for block in matcher.get_matching_blocks():
        for place in range(block.size):
            yield steps[block.a + place].name, planned[block.b + place].name


def _expected(
    segment: Segment, planned: Step, values: Mapping[int, np.ndarray], feeds: Mapping[str, Any]
) -> np.ndarray:
    """Returns what the original gives; what is planned, of a step that the graph does not have."""
    computed = values[id(planned.outputs[0])]
    tensor = tensor_of(segment, planned)
    if tensor is None:
        return computed
    return run_original(segment.migration, feeds, [tensor])[tensor][: len(computed)]


def tensor_of(segment: Segment, planned: Step) -> str | None:
    """Returns the tensor of the graph that a planned step makes, None where it makes none."""
    record = segment.records.get(planned.name)
    made: Iterable[str] = record.outputs if record else ()
    in_graph = (t for t in made if names.split_tensor_name(t)[0] in segment.migration.view)
    return next(in_graph, None)
