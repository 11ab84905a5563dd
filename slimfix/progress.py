"""A bar that shows how far long work has come."""

from __future__ import annotations

import sys
import time
from typing import Any, Generator, Iterable, Sized, TextIO

_WIDTH = 30  # Columns of the bar itself.
_INTERVAL = 0.1  # Seconds between two drawings.


def show_progress(
    items: Iterable[Any],
    label: str,
    shown: bool | None,
    stream: TextIO | None = None,
    noun: str = "batches",
) -> Generator[Any, None, None]:
    """Yields the items and draws how many have been done; closing wipes the line out.

    Args:
      items: if it has no length, only the number done is shown.
      label: in front of the bar.
      shown: whether to draw; if None, where the stream is a terminal.
      stream: standard error if None.
      noun: what the items are, in the plural: 'batches', 'layers', 'steps'.
    """
    stream = stream or sys.stderr
    if not (stream.isatty() if shown is None else shown):
        yield from items
        return
    total = len(items) if isinstance(items, Sized) else None
    drawn_at = float("-inf")
    line = ""
    try:
        for done, item in enumerate(items):
            if time.monotonic() - drawn_at >= _INTERVAL:
                drawn_at = time.monotonic()
                line = _draw(label, done, total, noun)
                stream.write("\r" + line)
                stream.flush()
            yield item
    finally:
        stream.write("\r" + " " * len(line) + "\r")
        stream.flush()


def _draw(label: str, done: int, total: int | None, noun: str) -> str:
    if not total:
        return f"{label}: {_singular(noun)} {done + 1}"
    filled = _WIDTH * done // total
    return f"{label}: [{'#' * filled}{'.' * (_WIDTH - filled)}] {done} of {total} {noun}"


def _singular(noun: str) -> str:
    return noun[: -len("es")] if noun.endswith("ches") else noun[: -len("s")]
