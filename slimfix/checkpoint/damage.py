"""What is wrong with a file, said where it is seen and told where the prefix is known."""

from __future__ import annotations

import contextlib
from typing import Iterator


class Damage(Exception):
    """Bytes that no checkpoint holds. `read_checkpoint` and `Checkpoint.read` make an error of it.

    Its text is one line: the file, the place in it, what is there.
    """


@contextlib.contextmanager
def within(place: str) -> Iterator[None]:
    """Puts a place before the text of any Damage that is raised in the block."""
    try:
        yield
    except Damage as damage:
        raise Damage(f"{place}: {damage}") from None
