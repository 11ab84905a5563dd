"""The strip at the top of the HTML report: the five levels, and which verdict each has."""

from __future__ import annotations

import html

from slimfix.parity.result import LevelParity, ParityResult
from slimfix.parity.verdicts import Level
from slimfix.report.levels import TITLES, every_level, format_compared, format_worst


def level_strip(parity: ParityResult) -> str:
    """Returns an ordered list, one item a level; those that did not run say so."""
    items = "\n".join(_item(level, record) for level, record in every_level(parity).items())
    return f'<ol class="levels" aria-label="Levels of the proof">\n{items}\n</ol>'


def _item(level: Level, record: LevelParity | None) -> str:
    head = f"<strong>{level.value}</strong> {html.escape(TITLES[level])}"
    if record is None:
        return f'<li>{head}<p class="word">not run</p></li>'
    lines = [format_compared(record)]
    if level is not Level.WEIGHTS:
        lines.append(f"worst float64 error {format_worst(record)}")
    verdict = record.verdict.value
    return (
        f'<li class="{verdict}">{head}<p class="word">{verdict}</p>'
        f"<p>{html.escape(', '.join(lines))}</p></li>"
    )
