"""What is wrong with a file, said where it is seen and told where the prefix is known."""

from __future__ import annotations


class Damage(Exception):
    """Bytes that no checkpoint holds. `read_checkpoint` and `Checkpoint.read` make an error of it.

    Its text is one line: the file, the place in it, what is there.
    """


class SavedInPart(Damage):
    """A variable of which the Saver was given some parts only: no fault of the file."""


class within:
    """Puts a place before the text of any Damage that is raised in the block.

    A class, for there is one of them for each variable, and a generator takes thrice the time.
    """

    def __init__(self, place: str):
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, Damage):
            text = str(error)  # What was called may have said the place already.
            if not text.startswith(self._place):
                text = f"{self._place}: {text}"
            raise type(error)(text) from None
