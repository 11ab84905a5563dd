"""What a disk says when it takes no more, whoever passes it on."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Iterator

from slimfix.errors import OutputError, SlimfixError, explain

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def refusal_of(error: BaseException) -> str | None:
    """Returns why nothing more could be written, in the system's words; None for other errors.

    TensorFlow and HDF5 put these words into errors of their own kinds.
    """
    if isinstance(error, SlimfixError):
        return None
    return next((words for words in map(os.strerror, _REFUSALS) if words in str(error)), None)


@contextlib.contextmanager
def told_when_full(path: str) -> Iterator[None]:
    """Raises OutputError where the disk of `path` takes no more; other errors pass."""
    try:
        yield
    except Exception as error:
        words = refusal_of(error)
        if words is None:
            raise
        raise OutputError(
            explain(
                f"Cannot write '{path}'",
                [words],
                fix="make room there (the disk, a quota, ulimit -f), or name another place.",
            )
        ) from error
