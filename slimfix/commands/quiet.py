"""Keeps the greetings of TensorFlow's C++ libraries off the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from typing import Iterator


def import_tensorflow() -> None:
    """Imports TensorFlow without what its libraries write to standard error while they load.

    TF_CPP_MIN_LOG_LEVEL does not reach what TensorFlow 2.21 logs before its logging is set up.
    If the import fails, what was held back is written after all.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            held_back.seek(0)
            os.write(terminal, held_back.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


@contextlib.contextmanager
def errors_only() -> Iterator[None]:
    """Keeps from the terminal what TensorFlow 1.15 says of its own deprecated functions."""
    import tensorflow.compat.v1 as tf

    before = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.ERROR)
    try:
        yield
    finally:
        tf.logging.set_verbosity(before)
