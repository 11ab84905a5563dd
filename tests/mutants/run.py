"""Migrates five nets wrong in every way that is known, and counts what the proof catches.

    python -m tests.mutants.run                        # all of it: table, score, false alarms
    python -m tests.mutants.run gamma_lost --net exact # some kinds of mutants, some nets
    python -m tests.mutants.run --sample=40 --seed=abc # some kinds, others for another seed

A line of the table is a kind of mutant: the levels that must see it, and under each net those that
saw it: of L0, L1 and those that must; '-' where the net has nothing to do it to. A mutant counts as
caught if every level saw it that must. Right migrations of the five nets, and of nets that
Hypothesis draws, must pass at every level. Exit status 1: one was not caught, a kind applies to no
net, or there was a false alarm.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import Collection, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from slimfix.errors import SlimfixError
from slimfix.parity.verdicts import Level
from tests.mutants.kinds import KINDS, Kind
from tests.mutants.nets import BUILDERS, Net, build_nets
from tests.mutants.random_nets import DrawnNet, for_each_drawn, migrate_drawn
from tests.mutants.score import Trial, find_false_alarms, levels_that_see, try_kinds
from tests.sampling import add_flags, choose

_DRAWN = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="all if none")
    parser.add_argument(
        "--net", action="append", choices=list(BUILDERS), help="all if none is given"
    )
    parser.add_argument("--drawn", type=int, default=_DRAWN, help="number of random nets")
    add_flags(parser, "kinds")
    options = parser.parse_args()
    unknown = sorted(set(options.kinds) - set(KINDS))
    if unknown:
        raise SystemExit(f"no such kind: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    kinds = [KINDS[name] for name in choose(options.kinds or list(KINDS), options)]
    with tempfile.TemporaryDirectory() as folder:
        nets = build_nets(folder, tuple(options.net or ()))
        trials = print_table(kinds, nets)
        alarms = [f"{net.name}: {_text(seen)}" for net, seen in find_false_alarms(nets) if seen]
    drawn, more = verify_drawn(options.drawn)
    alarms += more
    missed = [trial for trial in trials if not trial.caught]
    nowhere = [kind.name for kind in kinds if kind.name not in {t.kind.name for t in trials}]
    caught = len(trials) - len(missed)
    print()
    for trial in missed:
        unseen = _text(trial.kind.levels - trial.seen)
        print(f"NOT CAUGHT: {trial.kind.name} on {trial.net}, at {unseen}")
    for name in nowhere:
        print(f"APPLIES TO NO NET: {name}")
    for alarm in alarms:
        print(f"FALSE ALARM: {alarm}")
    print(
        f"{caught} of {len(trials)} mutants caught at every level that should "
        f"({100 * caught / max(len(trials), 1):.4g} %): {len(kinds)} kinds, {len(nets)} nets"
    )
    print(
        f"{len(alarms)} false alarms in {len(nets) + drawn} right migrations: "
        f"{len(nets)} nets, {drawn} drawn"
    )
    return int(bool(missed or nowhere or alarms))


def print_table(kinds: Sequence[Kind], nets: Sequence[Net]) -> list[Trial]:
    """Prints a line a kind as it is done, and returns all trials."""
    widths = [max(len(net.name), 8) for net in nets]
    heads = " ".join(f"{net.name:<{width}}" for net, width in zip(nets, widths))
    print(f"{'mutant':<52} {'must':<8} {heads}")
    trials: list[Trial] = []
    for index, kind in enumerate(kinds):
        _tell(f"mutants {index + 1}/{len(kinds)} {kind.name}")
        found = {trial.net: trial for trial in try_kinds([kind], nets)}
        cells = [_cell(found.get(net.name)) for net in nets]
        line = " ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths))
        name = f"{kind.room}.{kind.name}"
        print(f"{name:<52} {_text(kind.levels):<8} {line.rstrip()}", flush=True)
        trials += found.values()
    return trials


def verify_drawn(count: int) -> tuple[int, list[str]]:
    """Returns how many networks were drawn, and a line for each that is refused or called wrong."""
    alarms: list[str] = []
    done: list[DrawnNet] = []

    def verify(drawn: DrawnNet) -> None:
        done.append(drawn)
        _tell(f"drawn nets {len(done)}/{count}")
        try:
            with tempfile.TemporaryDirectory() as folder:
                net = migrate_drawn(drawn, folder)
                seen = levels_that_see(net.migration.model, net, list(Level))
        except SlimfixError as error:
            alarms.append(f"{drawn}: {error}")
        else:
            if seen:
                alarms.append(f"{drawn}: {_text(seen)}")

    if count:
        for_each_drawn(count, verify)
    return len(done), alarms


def _cell(trial: Trial | None) -> str:
    if trial is None:
        return "-"
    return (_text(trial.seen) or "none") + ("" if trial.caught else "!")


def _text(levels: Collection[Level]) -> str:
    """Returns 'L0,2' for levels L0 and L2; '' for none."""
    numbers = sorted(level.value[1:] for level in levels)
    return "L" + ",".join(numbers) if numbers else ""


def _tell(progress: str) -> None:
    """Shows how far it is: on one line of a terminal, on a line each elsewhere."""
    start, end = ("\r\x1b[K", "") if sys.stderr.isatty() else ("", "\n")
    print(f"{start}{progress}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
