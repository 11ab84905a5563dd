"""Sets two models in normal form beside each other, from their inputs to their outputs.

Equal numbers of values are equal computations. Where a part of a model is written in another way,
only values can tell: then both sides have to give the same, and each step that is neither linear
nor smooth has to be on both.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import Callable, Hashable, Iterator, Mapping

from slimfix.parity.structure.kinds import is_stateful
from slimfix.parity.structure.numbering import Place, core, number_all, read_key
from slimfix.parity.structure.part import (
    LACKING,
    NOT_THERE,
    Difference,
    Part,
    Prints,
    differ,
    differing,
    list_steps,
    steps_behind,
)
from slimfix.parity.structure.steps import NormalForm, Step


@dataclasses.dataclass(frozen=True)
class Alignment:
    """What two models have in common.

    Attributes:
      steps: number of steps of the plan.
      differences: one for each step that only one of them has.
      by_numbers: a line for each part that is written in another way, and gives the same values.
    """

    steps: int
    differences: tuple[Difference, ...]
    by_numbers: tuple[str, ...]

    @property
    def different(self) -> tuple[str, ...]:
        """The lines of the differences."""
        return tuple(each.text for each in self.differences)


def align(
    planned: NormalForm, found: NormalForm, prints: Callable[[], tuple[Prints, Prints]]
) -> Alignment:
    """Returns how a model is the plan's.

    Args:
      planned: the model that the original is planned as.
      found: the model under test.
      prints: gives what the values of both look like; called only where a part is written in
        another way.
    """
    numbers: dict[Hashable, int] = {}
    of_plan = number_all(planned.steps, numbers, {})
    side = _Side(planned, found, numbers, of_plan)
    if not side.is_whole():
        side.look_at_values(*prints())
    return Alignment(len(planned.steps), tuple(side.differences()), tuple(side.by_numbers))


class _Side:
    """The model under test beside the plan.

    Attributes:
      by_numbers: as of `Alignment`.
    """

    def __init__(
        self,
        planned: NormalForm,
        found: NormalForm,
        numbers: dict[Hashable, int],
        of_plan: dict[Place, int],
    ):
        self.by_numbers: list[str] = []
        self._planned, self._found = planned, found
        self._numbers = numbers
        self._of_plan = of_plan
        self._in_plan = set(of_plan.values())
        self._known: dict[Place, int] = {}
        self._extra: list[Difference] = []
        self._told: set[int] = set()  # Ids of steps that a line tells of, or values prove.
        self._renumber({})

    def is_whole(self) -> bool:
        """Tells whether both are one, with nothing more and nothing less."""
        return not self._open() and not self._unreached() and not self._wrong_outputs()

    def _renumber(self, same: Mapping[Place, int]) -> None:
        """Numbers the model's values anew.

        Args:
          same: the plan's number by place, of values that were seen to be the same.
        """
        self._known = number_all(self._found.steps, self._numbers, same)

    def _open(self) -> list[Step]:
        """The model's steps that the plan does not have."""
        return [
            step
            for step in self._found.steps
            if id(step) not in self._told
            and any(self._known[id(step), i] not in self._in_plan for i in range(len(step.shapes)))
        ]

    def _unreached(self) -> list[Step]:
        """The plan's steps that the model does not have."""
        reached = set(self._known.values())
        return [
            step
            for step in self._planned.steps
            if id(step) not in self._told
            and any(self._of_plan[id(step), i] not in reached for i in range(len(step.shapes)))
        ]

    def _wrong_outputs(self) -> list[int]:
        pairs = zip(self._planned.outputs, self._found.outputs)
        return [
            place
            for place, (wanted, value) in enumerate(pairs)
            if read_key(wanted, self._of_plan, False) != read_key(value, self._known, False)
        ]

    def look_at_values(self, of_plan: Prints, of_found: Prints) -> None:
        """Sets beside each other, one after the other, parts that give the same and are not one."""
        alike: dict[Hashable, list[tuple[Step, int]]] = {}
        for planned in self._planned.steps:
            for index in range(len(planned.shapes)):
                if (id(planned), index) in of_plan:
                    alike.setdefault(of_plan[id(planned), index], []).append((planned, index))
        same: dict[Place, int] = {}
        prints = {**of_plan, **of_found}
        for step in self._found.steps:
            for index in range(len(step.shapes)):
                place = (id(step), index)
                if self._known[place] in self._in_plan or place not in of_found:
                    continue
                parts = [
                    (self._part(step, planned, result, prints), planned, result)
                    for planned, result in alike.get(of_found[place], ())
                ]
                if parts:
                    part, planned, result = min(parts, key=lambda each: each[0].cost)
                    self._take(part)
                    same[place] = self._of_plan[id(planned), result]
                    self._renumber(same)

    def _part(self, step: Step, planned: Step, result: int, prints: Prints) -> Part:
        reached = set(self._known.values())
        mine, ends = steps_behind(step, self._known, self._in_plan)
        if self._of_plan[id(planned), result] in reached:
            return Part(mine, [], True, prints)
        theirs, planned_ends = steps_behind(planned, self._of_plan, reached)
        return Part(mine, theirs, ends == planned_ends, prints)

    def _take(self, part: Part) -> None:
        self._told.update(map(id, (*part.mine, *part.theirs)))
        self._extra += part.differences
        if not part.differences:
            self.by_numbers.append(f"{list_steps(part.mine)} for {list_steps(part.theirs)}")

    def differences(self) -> Iterator[Difference]:
        """Yields one for each step that only one side has, and whose sources are on both."""
        yield from self._extra
        mine = [s for s in self._open() if self._is_first(s, self._known, self._in_plan)]
        reached = set(self._known.values())
        theirs = [s for s in self._unreached() if self._is_first(s, self._of_plan, reached)]
        for step in mine:
            twin = next((each for each in theirs if self._read_alike(step, each)), None)
            if twin is None:
                yield differing(step, NOT_THERE)
                continue
            theirs.remove(twin)
            yield differing(step, differ(step, twin))
        for step in theirs:
            yield Difference(f"{step}: {LACKING}")
        for place in self._wrong_outputs() if not mine and not theirs and not self._extra else ():
            yield Difference(f"output {place + 1} is another tensor than planned")
        yield from self._wrong_counts()

    def _is_first(self, step: Step, known: Mapping[Place, int], others: set[int]) -> bool:
        return all(v.step is None or known[core(v)] in others for v in step.reads)

    def _read_alike(self, step: Step, planned: Step) -> bool:
        mine = sorted(repr(read_key(v, self._known, False)) for v in step.reads)
        return mine == sorted(repr(read_key(v, self._of_plan, False)) for v in planned.reads)

    def _wrong_counts(self) -> Iterator[Difference]:
        """Yields one for each that draws or moves as often as it is called, but not as often
        as planned: two dropouts of one tensor are not one."""
        wanted, found = (
            collections.Counter(
                known[id(step), 0]
                for step in form.steps
                if (step.is_random or is_stateful(step)) and id(step) not in self._told
            )
            for form, known in ((self._planned, self._of_plan), (self._found, self._known))
        )
        steps = {self._of_plan[id(step), 0]: step for step in self._planned.steps}
        for number in wanted.keys() & found.keys():
            if wanted[number] != found[number]:
                step = steps[number]
                times = f"planned {wanted[number]} times; the model has it {found[number]}"
                yield Difference(f"{step}: {times}")
