"""Damages files of every kind that slimfix reads, and counts what becomes of reading them.

    python -m tests.fuzz.run --files=1000 --first=7000   # of the 20,000 that are known
    python -m tests.fuzz.run --seed=7 --workers=2        # others
    python -m tests.fuzz.run --only=7:1234     # one of them again, its traceback shown
    python -m tests.fuzz.run --family=keras    # one family

A case is drawn from its seed and index alone. All must end as a clean refusal, a SlimfixError that
names the file or what is wrong in it, or with the right result. Exit status 1: one did not. The
files of each that did not are kept in build/fuzz/SEED/INDEX-CALL, with what happened.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time

from tests.fuzz.outcome import GOOD, Outcome

HOME = "build/fuzz"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="index of the first file")
    parser.add_argument("--seed", default="w-3", help="any text, such as the commit")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a call")
    parser.add_argument("--memory", type=int, default=2048, help="MB that a call may take")
    parser.add_argument("--only", metavar="SEED:INDEX", help="one case, as the table names it")
    parser.add_argument("--family", action="append", default=[], help="all if none is given")
    parser.add_argument("--families", default="tests.fuzz.families", help="module that has them")
    parser.add_argument("--home", default=HOME, help="folder to work in")
    options = parser.parse_args(arguments)
    if options.families == "tests.fuzz.families":
        _make_whole_files()
    if options.only:
        seed, _, index = options.only.rpartition(":")
        return run(options, seed, [int(index)])
    return run(options, options.seed, range(options.first, options.first + options.files))


def run(options: argparse.Namespace, seed: str, indexes: range | list[int]) -> int:
    """Runs cases, prints the table, keeps what is wrong. Returns the exit status."""
    from tests.fuzz.pool import run_cases
    from tests.fuzz.table import format_kinds, format_table

    outcomes: list[Outcome] = []
    faults: list[Outcome] = []
    start = time.monotonic()
    home = os.path.join(options.home, seed)
    os.makedirs(home, exist_ok=True)

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.column not in GOOD:
            faults.append(outcome)
            _keep(home, outcome)
        if len(outcomes) % 500 == 0:
            files = len({each.index for each in outcomes})
            said = f"fuzz: {files} files, {len(faults)} faults"
            print(f"{said}, {files / (time.monotonic() - start):.1f} a second", file=sys.stderr)

    families = ",".join([options.families, *options.family])
    limits = (options.limit, options.memory)
    run_cases(indexes, families, seed, *limits, home, options.workers, tell)
    seconds = time.monotonic() - start
    print(format_table(outcomes))
    if faults:
        print("\n" + format_kinds(faults, seed))
    if options.only:
        for each in outcomes:
            print(f"\n{each.call}: {each.column.value}\n{each.text}")
    files = len({each.index for each in outcomes})
    print(f"\n{files} files, {len(outcomes)} calls, seed {seed}, {seconds:.0f} s")
    return int(bool(faults))


def _keep(home: str, outcome: Outcome) -> None:
    """Writes down what happened, beside the files that it happened to."""
    folder = os.path.join(home, f"{outcome.index}-{outcome.call.replace(' ', '_')}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "what_happened.txt"), "w") as file:
        file.write(f"{outcome.call}: {outcome.column.value}: {outcome.kind}\n{outcome.text}\n")


def _make_whole_files() -> None:
    from tests.fuzz.families import whole

    if not whole.is_made():
        shutil.rmtree(whole.HOME, ignore_errors=True)
        os.makedirs(whole.HOME)
        made = [sys.executable, "-m", "tests.fuzz.families.whole", whole.HOME]
        subprocess.run(made, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
