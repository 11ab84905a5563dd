"""Writes an output folder whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import Iterator

from slimfix.errors import UsageError, explain


def check_is_free(path: str) -> None:
    """Raises UsageError if something is at `path`, or if no folder can be made there."""
    if os.path.lexists(path):
        raise UsageError(
            explain(
                f"Output folder '{path}' exists",
                cause="an earlier run wrote it.",
                fix="choose another --output_dir, or remove it first; slimfix overwrites nothing.",
            )
        )
    existing = _parent(path)
    while not os.path.lexists(existing):
        existing = _parent(existing)
    if not os.path.isdir(existing) or not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(
            explain(
                f"Cannot make output folder '{path}'",
                [f"'{existing}' is no folder that this user may write in"],
                fix="choose another --output_dir.",
            )
        )


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[str]:
    """Gives a temporary folder beside `path` that becomes `path` when the block ends well.

    When the block raises, the temporary folder is removed and `path` does not come to be, nor do
    the parents that it lacked.

    Args:
      path: the folder to make; its missing parents are made too.
    Raises: UsageError: `path` exists, or cannot be made.
    """
    check_is_free(path)
    name = os.path.basename(os.path.abspath(path))
    with _parents(path):
        try:
            os.makedirs(_parent(path), exist_ok=True)
            temporary = tempfile.mkdtemp(prefix=f".{name}-", dir=_parent(path))
        except OSError as error:
            raise UsageError(f"Cannot make output folder '{path}': {error.strerror}") from error
        try:
            yield temporary
            os.chmod(temporary, 0o777 & ~_umask())  # mkdtemp makes it for the owner alone.
            os.rename(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextlib.contextmanager
def _parents(path: str) -> Iterator[None]:
    """Removes the parents of `path` that are missing now, and empty then, if the block raises."""
    missing = []
    parent = _parent(path)
    while not os.path.lexists(parent):
        missing.append(parent)
        parent = _parent(parent)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # Somebody else uses it by now.
            for folder in missing:
                os.rmdir(folder)
        raise


def _parent(path: str) -> str:
    return os.path.dirname(os.path.abspath(path))


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
