"""New folders and files that appear whole or not at all, over nothing that another run wrote."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Iterable, Iterator

from slimfix.errors import OutputError, explain
from slimfix.writing.disk import told_when_full
from slimfix.writing.staging import staging
from slimfix.writing.targets import (
    FILE,
    absolute,
    check_new_file,
    check_new_folder,
    check_parent,
    kind_at,
    split_missing,
)

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[str]:
    """Gives a temporary folder beside `path` that becomes `path` when the block ends well.

    When the block raises, `path` does not come to be, nor do the parents that it lacked.

    Args:
      path: the folder to make; its missing parents are made too.
    Raises:
      UsageError: `path` exists, or cannot be made.
      OutputError: the disk is full, or another run made `path` meanwhile.
    """
    path = absolute(check_new_folder(path))
    with _parents(path), _staged(path) as folder:
        whole = os.path.join(folder, "whole")
        os.mkdir(whole)
        yield whole
        with _told_where_taken(path):
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            os.rename(whole, path)


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[str]:
    """Gives a temporary path whose file becomes `path` when the block ends well.

    Args:
      path: the file to write; its folder exists.
      overwrite: whether a plain file that is there is replaced.
    Raises:
      UsageError: `path` exists and may not be replaced, or cannot be made.
      OutputError: the disk is full, or another run wrote `path` meanwhile.
    """
    path = absolute(check_new_file(path, overwrite))
    with _staged(path) as folder:
        whole = os.path.join(folder, "whole")
        yield whole
        with _told_where_taken(path):
            if overwrite and kind_at(path) == FILE:
                os.replace(whole, path)
            else:
                _place_all([(whole, path)])


@contextlib.contextmanager
def new_files(prefix: str, last: str) -> Iterator[str]:
    """Gives a temporary prefix whose files get their places at `prefix` when the block ends well.

    Args:
      prefix: what the paths begin with; their folder exists, and they do not.
      last: suffix of the file that comes last, which makes a whole of the others.
    Raises:
      UsageError: no file can be made there.
      OutputError: the disk is full, or another run wrote one of the files meanwhile.
    """
    check_parent(prefix)
    prefix = absolute(prefix)
    with _staged(prefix) as folder:
        yield os.path.join(folder, "whole")
        made = [name for name in os.listdir(folder) if name.startswith("whole")]
        made.sort(key=lambda name: (name == "whole" + last, name))
        with _told_where_taken(prefix):
            _place_all((os.path.join(folder, name), prefix + name[len("whole") :]) for name in made)


@contextlib.contextmanager
def _staged(path: str) -> Iterator[str]:
    with told_when_full(path), contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(staging(path))
        except OSError as error:
            raise OutputError(f"Cannot write '{path}': {error.strerror}") from error
        yield folder


@contextlib.contextmanager
def _told_where_taken(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _TAKEN:
            raise OutputError(f"Cannot write '{path}': {error.strerror}") from error
        raise OutputError(
            explain(
                f"Cannot write '{path}': something came there meanwhile, and was left as it is",
                cause="another run writes to the same place.",
                fix="look at what is there, or name another place.",
            )
        ) from error


def _place_all(moves: Iterable[tuple[str, str]]) -> None:
    """Gives files their places, all or none. Raises FileExistsError: one of them is taken."""
    placed = []
    try:
        for source, target in moves:
            _place(source, target)
            placed.append(target)
    except BaseException:
        for target in placed:
            os.remove(target)
        raise


def _place(source: str, target: str) -> None:
    """Gives a file its place; unlike a rename, a link never takes that of another file."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # No hard links on this file system: SMB, FAT, some of FUSE.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            os.replace(source, target)
        except BaseException:
            os.remove(target)
            raise


@contextlib.contextmanager
def _parents(path: str) -> Iterator[None]:
    """Makes the parents that `path` lacks; if the block raises, those of them that are empty go."""
    parent, missing = split_missing(path)
    made = [os.path.join(parent, *missing[:count]) for count in range(1, len(missing))]
    try:
        for folder in made:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # Somebody else uses it by now.
            for folder in reversed(made):
                os.rmdir(folder)
        raise
