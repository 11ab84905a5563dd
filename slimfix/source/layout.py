"""Breaks lines as ruff and black do, for the few forms that a generated module has."""

from __future__ import annotations

import re
from typing import Sequence

WIDTH = 100  # Columns.
_INDENT = "    "
_VARIABLES = re.compile(r"\[\w+(, \w+)*\]")


def call(before: str, arguments: Sequence[str], after: str = "", depth: int = 1) -> list[str]:
    """Returns the lines of a call: on one line, else its arguments on one, else a line for each.

    Args:
      before: up to the opening parenthesis, without it: 'x = layers.Conv2D'.
      arguments: source text of each.
      after: what follows the closing parenthesis: '(x)'; if it has one, it is broken first.
      depth: of indentation.
    """
    indent, joined = _INDENT * depth, ", ".join(arguments)
    line = f"{indent}{before}({joined}){after}"
    if len(line) <= WIDTH or not arguments:
        return [line]
    head = f"{indent}{before}({joined})("
    if after.startswith("(") and len(head) <= WIDTH:
        return [head, *_given(after[1:-1], depth + 1), f"{indent})"]
    inner = [f"{indent}{_INDENT}{joined}"]
    if len(inner[0]) > WIDTH:
        broken = [_given(argument, depth + 1) for argument in arguments]
        inner = [line for lines in broken for line in (*lines[:-1], f"{lines[-1]},")]
    return [f"{indent}{before}(", *inner, f"{indent}){after}"]


def _given(text: str, depth: int) -> list[str]:
    """Returns an argument on one line, or a list of variables on a line each if it is too long."""
    line = plain(text, depth)
    if len(line) <= WIDTH or not _VARIABLES.fullmatch(text):
        return [line]
    items = [plain(f"{item},", depth + 1) for item in text[1:-1].split(", ")]
    return [plain("[", depth), *items, plain("]", depth)]


def plain(text: str, depth: int = 1) -> str:
    """Returns an indented line."""
    return _INDENT * depth + text
