"""A part of two models that gives the same values on both sides, and whether it is one part."""

from __future__ import annotations

import dataclasses
from typing import Hashable, Mapping, Sequence

from slimfix.parity.structure.kinds import is_pool, is_smooth, moves_data
from slimfix.parity.structure.numbering import Place, core
from slimfix.parity.structure.steps import Step

NOT_THERE = "the original has no such operation there"
LACKING = "planned; the model has no such operation there"
# What values look like, by place; those that look alike have one.
Prints = Mapping[Place, Hashable]


@dataclasses.dataclass(frozen=True)
class Difference:
    """What keeps two models from being one.

    Attributes:
      text: a line.
      calls: the names of the operations of the model that it is of; () for those of the plan.
    """

    text: str
    calls: tuple[str, ...] = ()


def differing(step: Step, text: str) -> Difference:
    """Returns what is to be said of a step of the model."""
    return Difference(f"{step}: {text}", (step.call.name,))


class Part:
    """A part of either model; both give the same values.

    Attributes:
      mine: the steps of the model under test.
      theirs: those of the plan.
      differences: one for each step that keeps values from being a proof.
    """

    def __init__(
        self, mine: Sequence[Step], theirs: Sequence[Step], reads_alike: bool, prints: Prints
    ):
        self.mine, self.theirs = mine, theirs
        left, lacking = _without_common(mine, theirs, prints)
        bounded = [each for each in (*left, *lacking) if not is_smooth(each) or each.is_random]
        moved = [each for each in mine if each.is_random and each not in left]
        if not left or not lacking:  # Nothing else does what one side has more.
            bounded = [each for each in (*left, *lacking) if not moves_data(each)]
        if not theirs:
            self.differences = [differing(each, NOT_THERE) for each in left]
        elif not reads_alike:
            calls = tuple(step.call.name for step in mine)
            text = f"{list_steps(mine)}: reads another tensor than planned"
            self.differences = [Difference(text, calls)]
        elif bounded and len(left) == len(lacking) == 1:
            self.differences = [differing(left[0], differ(left[0], lacking[0]))]
        elif bounded:
            self.differences = [differing(each, NOT_THERE) for each in left if each in bounded]
            self.differences += [
                Difference(f"{each}: {LACKING}") for each in lacking if each in bounded
            ]
        else:
            self.differences = [differing(each, "not where it is planned") for each in moved]

    @property
    def cost(self) -> tuple[int, bool, int]:
        """How little it explains: fewer differences are better, and a step for a step."""
        return (len(self.differences), not self.theirs, len(self.theirs))


def _without_common(
    mine: Sequence[Step], theirs: Sequence[Step], prints: Prints
) -> tuple[list[Step], list[Step]]:
    """Returns the steps of each that the other has not: of one kind, with one setting, and, where
    they are no pools, which change places with activations, reading the same values."""
    has_pool = any(map(is_pool, mine))

    def are_alike(step: Step, planned: Step) -> bool:
        if (step.kind, step.settings) != (planned.kind, planned.settings):
            return False
        reads = [[prints.get(core(v)) for v in each.reads] for each in (step, planned)]
        unseen = any(None in each for each in reads)  # Within a layer, before its activation.
        return has_pool or unseen or len({tuple(sorted(map(repr, each))) for each in reads}) == 1

    left, lacking = list(mine), list(theirs)
    for step in mine:
        twin = next((each for each in lacking if are_alike(step, each)), None)
        if twin is not None:
            left.remove(step)
            lacking.remove(twin)
    return left, lacking


def steps_behind(
    step: Step, known: Mapping[Place, int], others: set[int]
) -> tuple[list[Step], set[Hashable]]:
    """Returns a step and those before it that the other side does not have, and what they read."""
    steps: dict[int, Step] = {}
    ends: set[Hashable] = set()
    pending = [step]
    while pending:
        each = pending.pop()
        if id(each) in steps:
            continue
        steps[id(each)] = each
        for value in each.reads:
            if value.step is None:
                ends.add(("input", value.index))
            elif known[core(value)] in others:
                ends.add(known[core(value)])
            else:
                pending.append(value.step)
    return list(steps.values()), ends


def differ(step: Step, planned: Step) -> str:
    """Says how a step is another than the planned one."""
    if step.kind != planned.kind:
        return f"{step.kind} in place of {planned.kind} ({planned})"
    return f"{step.kind} {_short(step.settings)}; planned {_short(planned.settings)}"


def _short(settings: Hashable) -> str:
    text = str(settings)
    return text if len(text) <= 200 else f"{text[:197]}..."


def list_steps(steps: Sequence[Step]) -> str:
    """Returns the calls that steps are of, each once."""
    return " and ".join(dict.fromkeys(map(str, reversed(steps))))
