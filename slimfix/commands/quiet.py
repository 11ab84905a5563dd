"""Keeps the greetings of TensorFlow's C++ libraries off the terminal, whenever it is loaded."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any, Callable, Iterator, Sequence

_TENSORFLOW = "tensorflow"


@contextlib.contextmanager
def tensorflow_kept_quiet(errors_only: bool = False) -> Iterator[None]:
    """Lets TensorFlow load without a word, as soon as something needs it.

    A command that refuses what it was given never does: loading it takes seconds.

    Args:
      errors_only: whether to keep from the terminal, too, what TensorFlow 1.15 says of its own
        deprecated functions.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    finder = _QuietFinder()
    with contextlib.ExitStack() as stack:
        if errors_only:
            finder.when_loaded = lambda: _log_errors_only(stack)
        if _TENSORFLOW in sys.modules:
            finder.when_loaded()
        else:
            sys.meta_path.insert(0, finder)
            stack.callback(sys.meta_path.remove, finder)
        yield


def _log_errors_only(stack: contextlib.ExitStack) -> None:
    """Sets the verbosity of TensorFlow's Python half until a stack unwinds."""
    import tensorflow.compat.v1 as tf

    stack.callback(tf.logging.set_verbosity, tf.logging.get_verbosity())
    tf.logging.set_verbosity(tf.logging.ERROR)


class _QuietFinder(MetaPathFinder):
    """Finds TensorFlow as Python does, but has it loaded with standard error held back."""

    def __init__(self) -> None:
        self.when_loaded: Callable[[], None] = lambda: None
        self._is_looking = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> Any:
        if name != _TENSORFLOW or self._is_looking:
            return None
        self._is_looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._is_looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader, self.when_loaded)
        return spec


class _QuietLoader(Loader):
    def __init__(self, loader: Any, when_loaded: Any) -> None:
        self._loader = loader
        self._when_loaded = when_loaded

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader  # From here on it is a module like any other.
        module.__loader__ = self._loader
        with _standard_error_held_back():
            self._loader.exec_module(module)
        self._when_loaded()


@contextlib.contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """Drops what is written to standard error, by C++ too; where the block fails, writes it after
    all.

    TF_CPP_MIN_LOG_LEVEL does not reach what TensorFlow 2.21 logs before its logging is set up.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(terminal, held_back.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
