"""Verifies wrong migrations and tells which levels saw each."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Any, Collection, Iterable, Iterator

from slimfix.errors import ParityError
from slimfix.migration.eager import run_eagerly
from slimfix.parity import diff_parity
from slimfix.parity.verdicts import Level
from tests.mutants.kinds import Kind
from tests.mutants.nets import Net

_STEPS = 4  # Of an optimizer: what trains otherwise shows in the first few.


@dataclasses.dataclass(frozen=True)
class Trial:
    """One mutant, verified.

    Attributes:
      kind: what was done.
      net: name of the network that it was done to.
      ran: the levels that were asked.
      seen: those that saw it.
    """

    kind: Kind
    net: str
    ran: frozenset[Level]
    seen: frozenset[Level]

    @property
    def caught(self) -> bool:
        """Whether every level saw it that must."""
        return self.kind.levels <= self.seen


def levels_that_see(model: Any, net: Net, levels: Collection[Level]) -> frozenset[Level]:
    """Returns the levels at which a model is another than its network, of those asked for."""
    with tempfile.TemporaryDirectory() as room:
        path = os.path.join(room, "model.keras")
        run_eagerly(model.save, path)
        try:
            result = diff_parity(path, net.migration, net.recording, levels, steps=_STEPS)
        except ParityError:  # The model does not even take and give what was asked for.
            return frozenset({Level.INFERENCE})
    return frozenset(each.level for each in result.levels if not each.passed)


def try_kinds(kinds: Iterable[Kind], nets: Collection[Net]) -> Iterator[Trial]:
    """Yields a trial for each kind and each network that it applies to."""
    for kind in kinds:
        for net in nets:
            model = kind.mutate(net)
            if model is not None:
                levels = {Level.WEIGHTS, Level.INFERENCE, *kind.levels}
                seen = levels_that_see(model, net, levels)
                yield Trial(kind, net.name, frozenset(levels), seen)


def find_false_alarms(nets: Iterable[Net]) -> Iterator[tuple[Net, frozenset[Level]]]:
    """Yields each network with the levels at which its right migration is called wrong."""
    for net in nets:
        yield net, levels_that_see(net.migration.model, net, list(Level))
