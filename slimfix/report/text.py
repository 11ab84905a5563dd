"""Lines of text that fit the width of the terminal report."""

from __future__ import annotations

import textwrap
from typing import Iterable

from slimfix.report.formats import printable

WIDTH = 100  # Columns.


def wrap(text: str, first: str = "  ", then: str = "  ") -> list[str]:
    """Wraps to the width; a path or name that is too long is broken, never cut."""
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_on_hyphens=False,
    )


def fields(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """One 'label  text' line each, the texts below one another where the labels are short."""
    labelled = [(printable(label), text or "(none)") for label, text in pairs]
    width = max((len(label) for label, _ in labelled), default=0)
    lines = []
    for label, text in labelled:
        if width <= WIDTH // 2:
            lines += wrap(text, f"  {label:<{width}}  ", " " * (width + 4))
        else:
            lines += [*wrap(label), *wrap(text, " " * 4, " " * 4)]
    return lines
