"""A temporary folder beside what is to be written; one that a killed run left goes with the next.

Its name, `.slimfix-<12 hex digits of the target's name>-<8 random characters>`, says for which
target it is. As long as its owner runs, it holds a lock (flock) on the file `lock` in it, which the
system lets go when the owner dies, however it dies. Only a folder of this user whose lock is free
is ever removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from typing import Iterator

try:
    import fcntl
except ImportError:  # Windows: nothing is locked, and so nothing of others is removed.
    fcntl = None  # type: ignore[assignment]

_LOCK = "lock"


@contextlib.contextmanager
def staging(path: str) -> Iterator[str]:
    """Gives a new folder on the disk of `path`, which is gone when the block ends.

    Args:
      path: absolute; its parent exists.
    Raises: OSError: no folder can be made there.
    """
    parent, name = os.path.split(path)
    mark = f".slimfix-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}-"
    _remove_abandoned(parent, mark)
    folder, lock = _make(parent, mark)
    try:
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _make(parent: str, mark: str) -> tuple[str, int]:
    """Returns a new folder and the lock on it."""
    while True:
        folder = tempfile.mkdtemp(prefix=mark, dir=parent)
        with contextlib.suppress(FileNotFoundError):  # Another run took it for abandoned just now.
            lock = os.open(os.path.join(folder, _LOCK), os.O_CREAT | os.O_RDWR, 0o600)
            if _hold(lock) is not False and os.path.exists(os.path.join(folder, _LOCK)):
                return folder, lock
            os.close(lock)


def _hold(lock: int) -> bool | None:
    """Takes a lock; False where another has it, None where this file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def _remove_abandoned(parent: str, mark: str) -> None:
    """Removes the folders for one target whose owners are dead."""
    if fcntl is None:
        return
    with os.scandir(parent) as entries:
        found = [
            entry.path
            for entry in entries
            if entry.name.startswith(mark)
            and entry.is_dir(follow_symlinks=False)
            and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
        ]
    for folder in found:
        with contextlib.suppress(OSError):  # Another run removes it at the same time.
            _remove_if_free(folder)


def _remove_if_free(folder: str) -> None:
    try:
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        os.rmdir(folder)  # Its owner died, or is about to make the lock, and then makes another.
        return
    try:
        if _hold(lock):
            shutil.rmtree(folder)
    finally:
        os.close(lock)
