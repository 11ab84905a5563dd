"""Refuses, before any work, a place where nothing new can come to be."""

from __future__ import annotations

import os
import stat
from typing import Iterable

from slimfix.errors import UsageError, explain
from slimfix.paths import as_path

_KINDS = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
FILE = "a file"


def check_new_folder(path: str | os.PathLike[str]) -> str:
    """Returns the path of a folder to be made; nothing is there, not even a link without a target.

    Its parents may be missing.

    Raises: UsageError: something is there, or no folder can be made there.
    """
    path = as_path(path, "output folder")
    kind = kind_at(path.rstrip("/") or "/")  # With a slash at its end, a link is followed.
    if kind is not None:
        raise UsageError(
            explain(
                f"Output folder '{path}' exists",
                [f"it is {kind}"],
                cause="an earlier run wrote it." if kind == "a folder" else None,
                fix="choose another --output_dir, or remove it first; slimfix overwrites nothing.",
            )
        )
    parent, missing = split_missing(path)
    _check_writable(path, parent)
    for name in missing:
        kind_at(os.path.join(parent, name))  # Raises where the name is too long.
    return path


def check_new_file(path: str | os.PathLike[str], overwrite: bool = False) -> str:
    """Returns the path of a file to be written.

    Args:
      path: its folder exists.
      overwrite: whether a file that is there is replaced. Anything but a plain file never is.
    Raises: UsageError: something is there, or no file can be made there.
    """
    path = as_path(path, "output file")
    kind = kind_at(path)
    if kind == "a folder" or not os.path.basename(path):
        raise UsageError(f"'{path}' is a folder; name the file to write in it")
    if kind is not None and not (overwrite and kind == FILE):
        raise UsageError(
            explain(
                f"Output file '{path}' exists",
                [f"it is {kind}"],
                fix="choose another --output, or say that it is replaced: --overwrite "
                "(overwrite=True)."
                if kind == FILE
                else "choose another --output; only a plain file can be replaced.",
            )
        )
    check_parent(path)
    return path


def check_replaceable(paths: Iterable[str]) -> None:
    """Raises UsageError if anything but a plain file is at one of these paths."""
    found = {path: kind_at(path) for path in paths}
    wrong = [f"'{path}' is {kind}" for path, kind in found.items() if kind not in (None, FILE)]
    if wrong:
        raise UsageError(
            explain(
                f"Cannot write over {len(wrong)} of {len(found)} paths",
                wrong,
                fix="name another place; only plain files are replaced.",
            )
        )


def check_parent(path: str) -> None:
    """Raises UsageError unless the folder of `path` exists and this user may write in it."""
    _check_writable(path, os.path.dirname(path) or ".")


def kind_at(path: str) -> str | None:
    """Returns what is at a path, 'a folder', links not followed; None for nothing.

    Raises: UsageError: nothing can ever be there: a name is too long, or links go in a circle.
    """
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: no name for this file system.
        raise _refusal(path, getattr(error, "strerror", None) or str(error)) from error
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "something else")


def absolute(path: str) -> str:
    """Returns a path that stays where it is when the working directory changes.

    Unlike os.path.abspath it leaves '..' to the system, for the name before it may be a link.
    """
    path = path.rstrip("/")
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def split_missing(path: str) -> tuple[str, list[str]]:
    """Returns the nearest parent of `path` that exists, and the names below it, outermost first."""
    parent, name = os.path.split(absolute(path))
    names = [name]
    while not os.path.lexists(parent):
        parent, name = os.path.split(parent)
        names.insert(0, name)
    return parent, names


def _check_writable(path: str, folder: str) -> None:
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        reason = f"'{folder}' is no folder that this user may write in"
        raise _refusal(path, reason, "make the folder, or name a place in one of yours.")


def _refusal(path: str, reason: str, fix: str | None = None) -> UsageError:
    return UsageError(explain(f"Cannot write '{path}'", [reason], fix=fix))
