"""Keeps worker processes busy, and survives them."""

from __future__ import annotations

import concurrent.futures
import json
import os
import queue
import subprocess
import sys
import threading
from typing import Any, Callable, Iterable, Iterator

from tests.fuzz.outcome import Column, Outcome

# Of the limit of a call, beyond it: the worker writes down where it hangs.
_GRACE = 1.25
_START = 180.0
_CASES = 1500  # Then a fresh process: TensorFlow forgets nothing.


class Broken(Exception):
    """The harness does not work: a worker does not start, or a call fails on whole files."""


class _Worker:
    """One process, and the lines that it answers with."""

    def __init__(self, command: list[str], log: str):
        self._log = log
        with open(log, "wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, index: int) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{index}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # Its answers have ended, too.

    def answer(self, limit: float) -> dict[str, Any] | None:
        """Returns its next answer, None where it has died. Raises queue.Empty after the limit."""
        line = self._lines.get(timeout=limit)
        return None if line is None else json.loads(line)

    def end(self) -> str:
        """Ends the process; returns the last of what it wrote to its log."""
        self._process.kill()
        code = self._process.wait()
        with open(self._log, errors="replace") as file:
            return f"exit status {code}\n" + file.read()[-6000:]


def run_cases(
    indexes: Iterable[int],
    families: str,
    seed: str,
    limit: float,
    memory: int,
    home: str,
    workers: int,
    tell: Callable[[Outcome], None],
) -> None:
    """Runs cases in worker processes.

    Args:
      indexes: of the cases.
      families: module whose FAMILIES are drawn from.
      seed: of all cases.
      limit: seconds a call.
      memory: MB that it may take.
      home: folder to work in.
      workers: number of processes.
      tell: gets each outcome, from one thread at a time.
    Raises: Broken: see there.
    """
    command = [sys.executable, "-m", "tests.fuzz.worker", f"--families={families}"]
    command += [f"--seed={seed}", f"--limit={limit}", f"--memory={memory}", f"--home={home}"]
    shared, lock = iter(indexes), threading.Lock()

    def take() -> Iterator[int]:
        while True:
            with lock:
                index = next(shared, None)
            if index is None:
                return
            yield index

    def say(outcome: Outcome) -> None:
        with lock:
            tell(outcome)

    def serve(number: int) -> None:
        log = os.path.join(home, f"worker-{number}.log")
        worker, served = None, 0
        try:
            for index in take():
                if worker is None or served == _CASES:
                    if worker:
                        worker.end()
                    worker, served = _start(command, log), 0
                served += 1
                if not _serve_one(worker, index, limit, say):
                    worker = None
        finally:
            if worker:
                worker.end()

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(serve, number) for number in range(workers)]:
            done.result()


def _start(command: list[str], log: str) -> _Worker:
    worker = _Worker(command, log)
    try:
        ready = worker.answer(_START)
    except queue.Empty:
        ready = None
    if ready is None:
        raise Broken(f"A worker does not start: {worker.end()}")
    return worker


def _serve_one(worker: _Worker, index: int, limit: float, tell: Callable[[Outcome], None]) -> bool:
    """Has a worker run a case. Returns whether the worker is still there."""
    worker.ask(index)
    started: dict[str, Any] = {"start": "draw", "family": "?", "story": ""}
    while True:
        try:
            answer = worker.answer(limit * _GRACE)
        except queue.Empty:
            answer, column = None, Column.HANG
        else:
            column = Column.ABORT
        if answer is None:
            log = worker.end()
            kind = _place(log)
            text = f"{started['story']}\n{log}"
            tell(Outcome(index, started["family"], started["start"], column, kind, text))
            return False
        if "broken" in answer:
            worker.end()
            raise Broken(answer["broken"])
        if "start" in answer:
            started = answer
        elif "outcome" in answer:
            told = answer["outcome"]
            tell(Outcome(**{**told, "column": Column[told["column"]]}))
        else:
            return True


def _place(log: str) -> str:
    """Returns the innermost line of slimfix in the traceback that ends a log."""
    lines = [line.strip() for line in log.splitlines() if "/slimfix/" in line and "File " in line]
    lines = [line for line in lines if "/tests/" not in line]
    return lines[0] if lines else "no line of slimfix"
