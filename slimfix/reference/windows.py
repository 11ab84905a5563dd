"""Splits the tensors to compare into windows that fit in memory."""

from __future__ import annotations

from typing import Iterable, Sequence

# Of all values of a window: float32 and float64, on both sides.
_WINDOW_BYTES = 48 * 2**20
_BYTES_PER_ELEMENT = 24
# TensorFlow 1 takes the square of the time for twice as many fetches: half a minute for 5,000.
_MOST_TENSORS = 500


def split_windows(
    tensors: Iterable[tuple[Sequence[str], int | None]], limit: int = _WINDOW_BYTES
) -> list[list[str]]:
    """Returns the names of tensors in windows, in their order.

    Args:
      tensors: names that belong together, and how many elements they have in all; None where
        that is not known: then they get a window of their own.
      limit: bytes in a window, in both precisions on both sides; more only for a single tensor.
        Nor are there more than a few hundred tensors in one.
    """
    windows: list[list[str]] = []
    room = 0
    for together, elements in tensors:
        size = limit if elements is None else elements * _BYTES_PER_ELEMENT
        full = windows and len(windows[-1]) + len(together) > _MOST_TENSORS
        if size > room or full or not windows:
            windows.append([])
            room = limit
        windows[-1].extend(together)
        room -= size
    return windows
