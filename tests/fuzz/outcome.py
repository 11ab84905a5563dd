"""What became of a call on damaged files."""

from __future__ import annotations

import dataclasses
import enum
import os
import re
import traceback

from slimfix.errors import SlimfixError, printable
from tests.fuzz.case import Damage, WrongValue


class Column(enum.Enum):
    """A column of the table. The first two are as they should be."""

    REFUSED = "refused"
    RIGHT = "right"
    RAW = "raw exception"
    NAMELESS = "names nothing"
    ABORT = "abort"
    HANG = "hang"
    MEMORY = "over 2 GB"
    WRONG = "wrong value"


GOOD = (Column.REFUSED, Column.RIGHT)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One call on one case.

    Attributes:
      index: of the case.
      family, call: their names.
      column: what it counts as.
      kind: outcomes of one cause have one text: type of the error, and where in slimfix.
      text: all there is to say, for whoever looks into it.
    """

    index: int
    family: str
    call: str
    column: Column
    kind: str
    text: str


def classify(error: BaseException, damage: Damage, folder: str) -> Column:
    """Returns what an exception counts as."""
    if any(isinstance(each, MemoryError) for each in _chain(error)):
        return Column.REFUSED if "raise MemoryError" in damage.story else Column.MEMORY
    if isinstance(error, WrongValue):
        return Column.WRONG
    if not isinstance(error, SlimfixError):
        return Column.RAW
    text = str(error)
    names = damage.names or (folder,)
    named = any(name in text for name in names) or _quotes(text, damage.inside)
    return Column.REFUSED if named else Column.NAMELESS


def _quotes(text: str, inside: frozenset[str]) -> bool:
    """Tells whether a text has one of some names in quotes: 'conv/weights', '^conv', 'conv:0'."""
    quoted = (re.sub(r"^\^|:\d+$", "", each) for each in re.findall(r"'([^']+)'", text))
    return not {printable(name) for name in inside}.isdisjoint(quoted)


def kind_of(error: BaseException) -> str:
    """Returns the type of an error and the innermost place in slimfix that it went through."""
    frames = [
        f"{os.path.relpath(frame.filename)}:{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if f"{os.sep}slimfix{os.sep}" in frame.filename and "/tests/" not in frame.filename
    ]
    return f"{type(error).__name__} in {frames[-1] if frames else 'no line of slimfix'}"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
