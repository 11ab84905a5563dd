"""The process that reads damaged files, one after another, and says what became of each.

    python -m tests.fuzz.worker --families=MODULE --seed=SEED --limit=SECONDS --memory=MB
        --home=FOLDER

It takes the indexes of cases, one a line; it answers each with lines of JSON: a 'start' for each
call, an 'outcome' for each, a 'done'. It may well die of a file.
"""

from __future__ import annotations

import argparse
import dataclasses
import faulthandler
import importlib
import json
import os
import shutil
import sys
import time
import traceback
import warnings
from typing import Any, TextIO

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from tests.fuzz.case import Call, Case, Family, WrongValue, draw_case, write_files
from tests.fuzz.memory import build_wall, read_peak, start_peak
from tests.fuzz.outcome import GOOD, Column, Outcome, classify, kind_of


class Reader:
    """Runs cases in this process."""

    def __init__(self, families: str, seed: str, limit: float, memory: int, home: str):
        self._families = find_families(families)
        self._seed, self._limit, self._memory, self._home = seed, limit, memory << 20, home
        self._whole: dict[tuple[str, str, str], Any] = {}

    def draw(self, index: int) -> Case:
        return draw_case(self._families, self._seed, index)

    def prepare(self, case: Case) -> None:
        """Finds out what the calls of a case give on whole files. They must not fail."""
        for call in case.calls:
            self._whole_result(case, call)

    def run(self, case: Case, call: Call, index: int) -> Outcome:
        """Returns what becomes of one call."""
        folder = folder_of(self._home, index, call.name)
        shutil.rmtree(folder, ignore_errors=True)
        write_files(case.damage.files, folder)
        whole = self._whole_result(case, call)
        before, start = start_peak(), time.monotonic()
        faulthandler.dump_traceback_later(self._limit)
        try:
            result = call.run(folder, case.net)
            if case.damage.seen and result != whole:
                raise WrongValue("it gives another value than the whole file, and no error")
            column, kind, text = Column.RIGHT, "", ""
        except KeyboardInterrupt:
            raise
        except BaseException as caught:
            column, kind = classify(caught, case.damage, folder), kind_of(caught)
            text = _text(caught)
        finally:
            faulthandler.cancel_dump_traceback_later()
        grown, seconds = read_peak() - before, time.monotonic() - start
        if grown > self._memory:
            column, text = Column.MEMORY, f"{grown >> 20} MB\n{text}"
        elif seconds > self._limit:
            column = Column.HANG
        if column in GOOD:
            shutil.rmtree(folder)
        story = f"{case.net.name}: {case.damage.story}"
        return Outcome(index, case.family.name, call.name, column, kind, f"{story}\n{text}")

    def _whole_result(self, case: Case, call: Call) -> Any:
        key = (case.family.name, case.net.name, call.name)
        if key not in self._whole:
            folder = os.path.join(self._home, f"whole-{os.getpid()}")
            write_files(case.net.files, folder)
            try:
                self._whole[key] = call.run(folder, case.net)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        return self._whole[key]


def find_families(named: str) -> list[Family]:
    """Returns the families of a module: 'MODULE', or 'MODULE,NAME,NAME' for some of them."""
    module, *names = named.split(",")
    families = importlib.import_module(module).FAMILIES
    unknown = set(names) - {family.name for family in families}
    if unknown:
        raise SystemExit(f"no such family: {', '.join(sorted(unknown))}")
    return [family for family in families if not names or family.name in names]


def folder_of(home: str, index: int, call: str) -> str:
    """Returns the folder of one call on one case. It stays where the call fails as none may."""
    return os.path.join(home, f"{index}-{call.replace(' ', '_')}")


def _text(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception as broken:  # Its own text may fail.
        return f"{type(error).__name__}, whose text fails: {type(broken).__name__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("families", "seed", "home"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--memory", type=int, required=True)
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What else is printed goes to the log.
    warnings.filterwarnings("ignore")
    faulthandler.enable()
    reader = Reader(options.families, options.seed, options.limit, options.memory, options.home)
    build_wall()
    _say(answers, ready=True)
    for line in sys.stdin:
        index = int(line)
        case = reader.draw(index)
        try:
            reader.prepare(case)
        except Exception as error:
            _say(answers, broken=f"{case.family.name}, {case.net.name}, whole: {_text(error)}")
            return
        for call in case.calls:
            _say(answers, start=call.name, family=case.family.name, story=case.damage.story)
            outcome = reader.run(case, call, index)
            _say(answers, outcome={**dataclasses.asdict(outcome), "column": outcome.column.name})
        _say(answers, done=index)


def _say(answers: TextIO, **what: Any) -> None:
    answers.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    main()
