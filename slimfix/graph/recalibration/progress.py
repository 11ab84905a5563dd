"""A bar that shows how far a pass over the data has come."""

from __future__ import annotations

import sys
import time
from typing import Any, Generator, Iterable, Sized, TextIO

_WIDTH = 30  # Columns of the bar itself.
_INTERVAL = 0.1  # Seconds between two drawings.


def show_progress(
    batches: Iterable[Any], label: str, shown: bool | None, stream: TextIO | None = None
) -> Generator[Any, None, None]:
    """Yields the batches and draws how many have been done; closing wipes the line out.

    Args:
      batches: if it has no length, only the number done is shown.
      label: in front of the bar.
      shown: whether to draw; if None, where the stream is a terminal.
      stream: standard error if None.
    """
    stream = stream or sys.stderr
    if not (stream.isatty() if shown is None else shown):
        yield from batches
        return
    total = len(batches) if isinstance(batches, Sized) else None
    drawn_at = float("-inf")
    line = ""
    try:
        for done, batch in enumerate(batches):
            if time.monotonic() - drawn_at >= _INTERVAL:
                drawn_at = time.monotonic()
                line = _draw(label, done, total)
                stream.write("\r" + line)
                stream.flush()
            yield batch
    finally:
        stream.write("\r" + " " * len(line) + "\r")
        stream.flush()


def _draw(label: str, done: int, total: int | None) -> str:
    if not total:
        return f"{label}: batch {done + 1}"
    filled = _WIDTH * done // total
    return f"{label}: [{'#' * filled}{'.' * (_WIDTH - filled)}] {done} of {total} batches"
