"""Searches for wrong models that the proof passes, and right ones that it refuses.

    python -m tests.mutants.search.run                   # 1,000 wrong and 200 right ones
    python -m tests.mutants.search.run --nets=10 --seed=7   # fewer, others
    python -m tests.mutants.search.run --sample=4 --seed=abc  # of 4 of the networks
    python -m tests.mutants.search.run --only=0:123      # one of them again, and all it says

Networks of slim are drawn and migrated; of each, models are made that are wrong by one edit, and
right ones in other forms. An edit knows which levels must see it; that it changes inference is seen
by running both models in float64. All depends on the seed alone. Exit status 1: the proof is wrong
about one, or one of its likely causes is.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # The workers share the cores.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from tests.mutants.search.cases import PER_NET
from tests.mutants.search.table import format_faults, format_rooms, format_score, is_perfect
from tests.mutants.search.trial import Outcome, run_net
from tests.sampling import add_flags, choose

_NETS = 100
_NETS_A_PROCESS = 10  # TensorFlow forgets nothing.


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=_NETS, help=f"{PER_NET} models of each")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--only", metavar="SEED:INDEX", help="one model, as the report names it")
    add_flags(parser, "nets")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if options.only:
        seed, _, index = options.only.rpartition(":")
        return run_one(seed, int(index))
    numbers = choose(list(range(options.nets)), options)
    start = time.monotonic()
    outcomes = run_all(options.seed, numbers, options.workers)
    print(format_rooms(outcomes))
    faults = format_faults(outcomes, options.seed)
    print(f"\n{faults}\n" if faults else "")
    print(format_score(outcomes))
    print(f"{len(numbers)} nets, seed {options.seed}, {time.monotonic() - start:.0f} s")
    return int(not is_perfect(outcomes))


def run_one(seed: str, index: int) -> int:
    """Runs one case, prints all that the proof says of it, and returns the exit status."""
    (outcome,) = run_net(seed, index // PER_NET, index)
    seen = ", ".join(sorted(level.value for level in outcome.seen)) or "no level"
    print(f"{outcome.edit or 'right model'}: {outcome.text}\nseen by {seen}")
    for line in (*outcome.lines, *(f"likely cause: {each}" for each in outcome.causes)):
        print(f"    {line}")
    print(format_faults([outcome], seed))
    return int(not is_perfect([outcome]))


def run_all(seed: str, numbers: list[int], workers: int) -> list[Outcome]:
    """Returns the outcomes of all cases of some networks, in order."""
    outcomes: list[Outcome] = []
    tasks = [(seed, number) for number in numbers]
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, maxtasksperchild=_NETS_A_PROCESS) as pool:
        for done, found in enumerate(pool.imap_unordered(_run_net, tasks), 1):
            outcomes += found
            faults = format_faults(found, seed)
            said = f"search: {done} of {len(tasks)} nets" + (f"\n{faults}" if faults else "")
            print(said, file=sys.stderr, flush=True)
    return sorted(outcomes, key=lambda each: each.index)


def _run_net(task: tuple[str, int]) -> list[Outcome]:
    warnings.simplefilter("ignore")
    return run_net(*task)


if __name__ == "__main__":
    sys.exit(main())
