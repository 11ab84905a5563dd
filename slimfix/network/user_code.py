"""Imports modules that the user wrote: of network functions, of converters."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

from slimfix.errors import UsageError, explain


def import_user_module(name: str, argument: str) -> ModuleType:
    """Returns a module of the user's, found on the path of Python or in the current folder.

    Args:
      name: e.g. 'package.module'.
      argument: what named it, for the error: 'network'.
    Raises: UsageError: it cannot be imported; the reason is in the text.
    """
    if os.getcwd() not in sys.path:  # As `python script.py` has its folder there.
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except Exception as error:  # It is the user's code.
        raise UsageError(
            explain(
                f"Cannot import module '{name}', which {argument} names",
                [f"{type(error).__name__}: {error}"],
                fix="put its package on PYTHONPATH, or run in the folder that holds it.",
            )
        ) from error
