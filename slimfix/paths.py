"""The paths that a user hands over, as str."""

from __future__ import annotations

import os
from typing import Any

from slimfix.errors import UsageError


def as_path(path: Any, what: str) -> str:
    """Returns a path as a str.

    Args:
      path: str, or os.PathLike of str, such as pathlib.Path.
      what: what it is the path of, for the error.
    Raises: UsageError: it is something else (bytes too), is empty, or holds a NUL, at which
      TensorFlow would cut it off.
    """
    found = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
    if not isinstance(found, str):
        raise UsageError(f"The {what} is a {type(path).__name__}; want a str or a pathlib.Path")
    if not found:
        raise UsageError(f"The {what} is an empty string")
    if "\0" in found:
        raise UsageError(f"The {what} holds a NUL character: {found!r}")
    return found
