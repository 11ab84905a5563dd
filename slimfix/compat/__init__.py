"""Mends tf-slim on the installed TensorFlow: the one place that knows private TensorFlow names.

TensorFlow moved names that tf-slim 1.1.0 reaches for in TensorFlow's private modules;
`table.py` is the table of them. Each is put back inside tf-slim's own modules and nowhere
else, and only where it is missing, so that TensorFlow and Keras stay untouched for every other
program.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any

from slimfix.compat.table import MOVED_NAMES, REPLACED, MovedName, Reader, Replaced
from slimfix.errors import UnsupportedEnvironmentError, explain

_TESTED = "TensorFlow 1.15 and 2.16 to 2.21 with tf-slim 1.1.0"


# Modules of tf-slim that `tf.contrib.slim` had under these names and `import tf_slim` leaves out.
_SUBMODULES = {
    "tf_slim": {"nets": "tf_slim.nets", "variables": "tf_slim.ops.variables"},
    "tensorflow.contrib.slim": {"nets": "tensorflow.contrib.slim.nets"},
}

_lock = threading.Lock()


class _Overlay:
    """A module with some names added; every other name is read from the module itself."""

    def __init__(self, module: Any, names: dict[str, Any]):
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def enable_slim() -> Any:
    """Mends tf-slim on the installed TensorFlow, and returns the slim module.

    For code that imports `tf_slim` itself: call it once, before slim builds anything.
    `from slimfix import slim` calls it. It may be called any number of times, from any thread,
    before or after `import tf_slim`. Nothing outside tf-slim's own modules is changed, and
    nothing at all where nothing is broken.

    Returns: the module to use as `slim`: `tf_slim`, or on TensorFlow 1 `tf.contrib.slim` where
      tf-slim is not installed. It holds `slim.nets` and `slim.variables` too.
    Raises: UnsupportedEnvironmentError: tf-slim is missing, or a name that it needs is neither
      where tf-slim looks nor where TensorFlow and tf_keras keep it now.
    """
    with _lock:
        slim = _import_slim()
        if slim.__name__ == "tf_slim":
            _mend(_find_broken(), [each for each in REPLACED if _is_broken(each)])
        for name, module in _SUBMODULES[slim.__name__].items():
            imported = importlib.import_module(module)
            if not hasattr(slim, name):
                setattr(slim, name, imported)
        return slim


def __getattr__(name: str) -> Any:
    if name == "slim":
        return enable_slim()
    raise AttributeError(f"module 'slimfix.compat' has no attribute '{name}'")


def _import_slim() -> Any:
    try:
        return importlib.import_module("tf_slim")
    except ModuleNotFoundError as error:
        if error.name != "tf_slim":
            raise
    try:
        return importlib.import_module("tensorflow.contrib.slim")
    except ModuleNotFoundError:
        raise UnsupportedEnvironmentError(
            explain(
                "Cannot import slim",
                cause="tf-slim is not installed.",
                fix="run: pip install tf-slim==1.1.0",
            )
        ) from None


def _find_broken() -> list[tuple[MovedName, list[Reader]]]:
    """Returns the moved names that some module of tf-slim does not find, with those modules."""
    broken = []
    for moved in MOVED_NAMES:
        readers = [reader for reader in moved.readers if _is_missing(moved, reader)]
        if readers:
            broken.append((moved, readers))
    return broken


def _is_missing(moved: MovedName, reader: Reader) -> bool:
    used = getattr(importlib.import_module(reader.slim_module), reader.alias)
    try:
        getattr(used, moved.name)
    except (AttributeError, ImportError):  # ImportError: a lazy module whose target has moved.
        return True
    return False


def _is_broken(replaced: Replaced) -> bool:
    used = getattr(importlib.import_module(replaced.slim_module), replaced.alias)
    found = getattr(getattr(used, replaced.submodule), replaced.name)
    return found is not replaced.value and replaced.is_needed()


def _mend(broken: list[tuple[MovedName, list[Reader]]], replaced: list[Replaced]) -> None:
    """Gives each module of tf-slim what it misses: all of them, or none."""
    additions: dict[tuple[str, str], dict[str, Any]] = {}
    lost = []
    for moved, readers in broken:
        value = _look_up(moved)
        if value is None:
            lost.append((moved, readers))
        for reader in readers:
            additions.setdefault((reader.slim_module, reader.alias), {})[moved.name] = value
    if lost:
        raise UnsupportedEnvironmentError(_explain_lost(lost))
    for each in replaced:
        used = getattr(importlib.import_module(each.slim_module), each.alias)
        additions.setdefault((each.slim_module, each.alias), {})[each.submodule] = _Overlay(
            getattr(used, each.submodule), {each.name: each.value}
        )
    for (slim_module, alias), names in additions.items():
        module = importlib.import_module(slim_module)
        setattr(module, alias, _Overlay(getattr(module, alias), names))


def _look_up(moved: MovedName) -> Any:
    for home in moved.homes:
        value = _load(home)
        if value is not None:
            return value
    return None


def _load(home: str) -> Any:
    module, _, attribute = home.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (AttributeError, ImportError):
        return None


def _explain_lost(lost: list[tuple[MovedName, list[Reader]]]) -> str:
    import tensorflow as tf

    items = [
        f"'{reader.slim_module}': wants '{reader.alias}.{moved.name}' for {reader.needed_by}; "
        f"not at {' or '.join(repr(home) for home in moved.homes)} either"
        for moved, readers in lost
        for reader in readers
    ]
    headline = (
        f"Cannot find {len(lost)} of {len(MOVED_NAMES)} names that tf-slim needs on "
        f"TensorFlow {tf.__version__}"
    )
    if any(moved.homes[0].startswith("tf_keras") for moved, _ in lost):
        release = ".".join(tf.__version__.split(".")[:2])
        return explain(
            headline,
            items,
            cause="tf_keras is missing, or is of another release than TensorFlow.",
            fix=f"run: pip install tf_keras=={release}.*",
        )
    return explain(
        headline,
        items,
        cause=f"slimfix is tested with {_TESTED}; this TensorFlow keeps the names elsewhere.",
        fix='run: pip install "tensorflow>=2.16,<2.22" "tf_keras>=2.16,<2.22" tf-slim==1.1.0',
    )
