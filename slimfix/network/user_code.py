"""Runs code that the user wrote: modules of network functions and of converters."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from types import ModuleType
from typing import Iterator

from slimfix.errors import UsageError, explain, reason


def import_user_module(name: str, argument: str) -> ModuleType:
    """Returns a module of the user's, found on the path of Python or in the current folder.

    Args:
      name: e.g. 'package.module'.
      argument: what named it, for the error: 'network'.
    Raises: UsageError: it cannot be imported; the reason is in the text.
    """
    if os.getcwd() not in sys.path:  # As `python script.py` has its folder there.
        sys.path.insert(0, os.getcwd())
    fix = "put its package on PYTHONPATH, or run in the folder that holds it."
    with users_code(f"Cannot import module '{name}', which {argument} names", fix):
        return importlib.import_module(name)


@contextlib.contextmanager
def users_code(headline: str, fix: str | None = None) -> Iterator[None]:
    """Makes a UsageError of whatever the user's code in the block raises; but Ctrl-C goes through.

    SystemExit does not: a script that is imported would end the program without a word.

    Args:
      headline, fix: as of `explain`.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UsageError(explain(headline, [reason(error)], fix=fix)) from error
