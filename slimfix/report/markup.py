"""Small pieces of HTML; everything that is text goes in unescaped and comes out escaped."""

from __future__ import annotations

import dataclasses
import html
import math
from typing import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
      text: what it shows.
      detail: smaller lines below it.
      value: what a numeric column sorts by; None sorts by the text.
      css: class names.
    """

    text: str
    detail: tuple[str, ...] = ()
    value: float | None = None
    css: str = ""


def table(
    caption: str, headers: Sequence[str], rows: Iterable[Sequence[Cell]], heading: int = 0
) -> str:
    """Returns a table in a box of its own that scrolls where the screen is narrow.

    Args:
      caption: says what the table lists.
      headers: one a column.
      rows: as many cells each as there are headers.
      heading: the column that names the row.
    """
    rows = list(rows)
    body = "\n".join(
        "<tr>"
        + "".join(_cell(cell, column == heading) for column, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    css = [cell.css for cell in rows[0]] if rows else [""] * len(headers)
    head = "".join(
        f'<th scope="col"{_class(name if name == "number" else "")}>{html.escape(text)}</th>'
        for name, text in zip(css, headers)
    )
    label = html.escape(caption)
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{label}">\n'
        f'<table class="sortable"><caption>{label}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n</div>"
    )


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Returns a definition list of (term, text)."""
    items = (f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in pairs)
    return f"<dl>{''.join(items)}</dl>"


def card(title: str, figure: str, lines: Iterable[str], css: str = "") -> str:
    """Returns a summary card: a title, one large figure, and lines that explain it."""
    details = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return (
        f'<section class="card {css}"><h2>{html.escape(title)}</h2>'
        f'<p class="figure">{html.escape(figure)}</p>{details}</section>'
    )


def plot_figure(label: str, drawing: str, legend: str, caption: str) -> str:
    """Returns a drawing in a box that scrolls, over its legend and caption.

    Args:
      label, caption: text.
      drawing, legend: HTML.
    """
    return (
        f'<figure>\n<div class="box plot" tabindex="0" role="region" '
        f'aria-label="Plot: {html.escape(label)}">\n{drawing}\n</div>\n'
        f"<figcaption>\n{legend}\n<small>{html.escape(caption)}</small>\n</figcaption>\n</figure>"
    )


def section(title: str, *parts: str) -> str:
    """Returns a heading and below it the parts, which are HTML; '' if all of these are empty."""
    body = "\n".join(part for part in parts if part)
    return f"<h2>{html.escape(title)}</h2>\n{body}" if body else ""


def bullets(lines: Iterable[str]) -> str:
    """Returns a list, one item a line; '' where there is none."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def note(text: str, where: str) -> str:
    """Returns a paragraph with a smaller line below it."""
    return f"<p>{html.escape(text)}<br><small>{html.escape(where)}</small></p>"


def paragraphs(lines: Iterable[str]) -> str:
    """Returns one paragraph a line."""
    return "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)


def _cell(cell: Cell, heading: bool) -> str:
    tag = 'th scope="row"' if heading else "td"
    value = "" if cell.value is None else f' data-value="{_number(cell.value)}"'
    details = "".join(f"<small>{_breakable(line)}</small>" for line in cell.detail)
    return f"<{tag}{_class(cell.css)}{value}>{_breakable(cell.text)}{details}</{tag[:2]}>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _breakable(text: str) -> str:
    """Escapes, and lets a long name break where a scope ends."""
    return html.escape(text).replace("/", "/<wbr>").replace("__", "__<wbr>")


def _number(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else "Infinity"
