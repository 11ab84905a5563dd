"""Breaks lines as ruff and black do, for the few forms that a generated module has."""

from __future__ import annotations

from typing import Sequence

WIDTH = 100  # Columns.
_INDENT = "    "


def call(before: str, arguments: Sequence[str], after: str = "", depth: int = 1) -> list[str]:
    """Returns the lines of a call: on one line, else its arguments on one, else a line for each.

    Args:
      before: up to the opening parenthesis, without it: 'x = layers.Conv2D'.
      arguments: source text of each.
      after: what follows the closing parenthesis: '(x)'; a list in there is broken first.
      depth: of indentation.
    """
    indent, joined = _INDENT * depth, ", ".join(arguments)
    line = f"{indent}{before}({joined}){after}"
    if len(line) <= WIDTH or not arguments:
        return [line]
    head = f"{indent}{before}({joined})("
    if after.startswith("([") and len(head) <= WIDTH:
        return [head, *_listed(after[2:-2], depth + 1), f"{indent})"]
    inner = [f"{indent}{_INDENT}{joined}"]
    if len(inner[0]) > WIDTH:
        inner = [f"{indent}{_INDENT}{argument}," for argument in arguments]
    return [f"{indent}{before}(", *inner, f"{indent}){after}"]


def _listed(joined: str, depth: int) -> list[str]:
    line = plain(f"[{joined}]", depth)
    if len(line) <= WIDTH:
        return [line]
    items = [plain(f"{item},", depth + 1) for item in joined.split(", ")]
    return [plain("[", depth), *items, plain("]", depth)]


def plain(text: str, depth: int = 1) -> str:
    """Returns an indented line."""
    return _INDENT * depth + text
