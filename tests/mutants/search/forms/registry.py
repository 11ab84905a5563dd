"""The registry of forms: each writes a model otherwise that stays the same function, and trains so.

A form holds for any model, right or wrong: mutants are written in them too.
"""

from __future__ import annotations

import dataclasses
from typing import Callable

from tests.mutants.search.edits.registry import Scene
from tests.mutants.search.sketch import Sketch

Write = Callable[[Scene], Sketch]


@dataclasses.dataclass(frozen=True)
class Form:
    """One way to write a model.

    Attributes:
      name: of the function that does it.
      room: of the module it is in.
      write: draws where and how. Raises DoesNotApply where a model has no such thing.
    """

    name: str
    room: str
    write: Write


FORMS: dict[str, Form] = {}


def form(write: Write) -> Write:
    """Registers a form."""
    name = write.__name__
    if name in FORMS:
        raise ValueError(f"form '{name}' is registered already")
    FORMS[name] = Form(name, write.__module__.rpartition(".")[2], write)
    return write
