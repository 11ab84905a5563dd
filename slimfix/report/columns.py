"""Tables of the terminal report, laid out so that they fit its width."""

from __future__ import annotations

import dataclasses
from typing import Callable, Sequence

from slimfix.parity.verdicts import Verdict
from slimfix.report.formats import printable, shorten_middle
from slimfix.report.text import WIDTH

# Colours the text of a verdict; must not change its visible width.
Paint = Callable[[str, Verdict], str]

ERROR = 8  # Columns of an error: 'original'; '1.2e-300' too.
_VERDICT = max(len(verdict.value) for verdict in Verdict)


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table, the verdict's aside.

    Attributes:
      header: its name.
      least: columns that it is wide at least.
      most: columns that it is wide at most; None for the one that gets what the others leave.
      right: whether it holds numbers.
    """

    header: str
    least: int = 0
    most: int | None = WIDTH
    right: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
      cells: as many as there are columns.
      verdict: the last column; None for an empty one.
      marker: one character in front of the line.
    """

    cells: Sequence[str]
    verdict: Verdict | None
    marker: str = " "


def lay_out(columns: Sequence[Column], rows: Sequence[Row], paint: Paint) -> list[str]:
    """Returns a line of headers, then a line a row; long cells lose their middle."""
    widths = []
    for at, column in enumerate(columns):
        longest = [len(printable(row.cells[at])) for row in rows]
        width = max(column.least, len(column.header), *longest)
        widths.append(width if column.most is None else min(width, column.most))
    for at, column in enumerate(columns):
        if column.most is None:
            room = WIDTH - 2 * (len(widths) + 1) - _VERDICT - (sum(widths) - widths[at])
            widths[at] = min(widths[at], room)

    def line(marker: str, cells: Sequence[str], verdict: str) -> str:
        padded = []
        for column, width, cell in zip(columns, widths, cells):
            text = shorten_middle(printable(cell), width)
            padded.append(text.rjust(width) if column.right else text.ljust(width))
        return f"{marker} {'  '.join(padded)}  {verdict}".rstrip()

    lines = [line(" ", [column.header for column in columns], "verdict")]
    for row in rows:
        verdict = "" if row.verdict is None else paint(row.verdict.value, row.verdict)
        lines.append(line(row.marker, row.cells, verdict))
    return lines
