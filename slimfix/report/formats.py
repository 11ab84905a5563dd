"""How numbers and names are written, the same in every face of the report."""

from __future__ import annotations

from slimfix.errors import printable as printable


def format_error(error: float) -> str:
    """Returns an error as short text: '0' only for exactly zero, 'nan' and 'inf' for those."""
    if error == 0:
        return "0"
    return f"{error:.1e}"


def format_ulps(ulps: float) -> str:
    """Returns an error in units in the last place as short text, e.g. '1.5' or '1.2e+05'."""
    if ulps == 0:
        return "0"
    return f"{ulps:.1f}" if ulps < 1000 else f"{ulps:.1e}"


def format_value(value: float) -> str:
    """Returns a value in its own unit, four digits of it."""
    return f"{value:.4g}"


def shorten_middle(text: str, width: int) -> str:
    """Returns `text` in at most `width` columns; the middle of a longer one becomes '...'.

    The end of a layer name tells most, so that it keeps the larger half.

    Args:
      text: one line.
      width: at least 5.
    """
    if len(text) <= width:
        return text
    head = (width - 3) // 2
    return text[:head] + "..." + text[len(text) - (width - 3 - head) :]
