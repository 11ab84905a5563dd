"""A tf.train.Saver that takes any path, can read back what it saves, and can be built later."""

from __future__ import annotations

import functools
import os
from typing import Any, Callable

import numpy as np

from slimfix.checkpoint.writer import files_of
from slimfix.paths import as_path
from slimfix.saving.read_back import save_and_verify
from slimfix.writing import check_replaceable, told_when_full


def make_checked_saver(
    choose: Callable[[], Any], read_back: bool, defer_build: bool, arguments: dict[str, Any]
) -> Any:
    """Returns a tf.train.Saver.

    Args:
      choose: gives the checked var_list of the graph as it then is.
      read_back: compare each checkpoint with what was saved.
      defer_build: `choose` is called by `build()`, not now.
      arguments: of tf.train.Saver, but for var_list and defer_build.
    """
    return _saver_class()(choose, read_back, defer_build, arguments)


@functools.lru_cache(maxsize=None)
def _saver_class() -> Any:
    """The class is made here so that slimfix loads without TensorFlow."""
    import tensorflow.compat.v1 as tf

    class CheckedSaver(tf.train.Saver):
        """See make_checked_saver."""

        def __init__(
            self,
            choose: Callable[[], Any],
            read_back: bool,
            defer_build: bool,
            arguments: dict[str, Any],
        ):
            self._slimfix_choose = choose if defer_build else None
            self._slimfix_read_back = read_back
            self._slimfix_arguments = arguments
            var_list = None if defer_build else choose()
            super().__init__(var_list, defer_build=defer_build, **arguments)

        def build(self) -> None:
            """Builds the save and restore ops, once."""
            choose = self._slimfix_choose
            if choose is None:
                super().build()
                return
            var_list = choose()
            self._slimfix_choose = None
            # A Saver takes no var_list later, and so it starts anew; __init__ comes back here.
            super().__init__(var_list, **self._slimfix_arguments)

        def save(
            self,
            sess: Any,
            save_path: str | os.PathLike[str],
            global_step: Any | None = None,
            *args: Any,
            **kwargs: Any,
        ) -> Any:
            """Saves as tf.train.Saver does; save_path may be a pathlib.Path.

            Raises:
              UsageError: save_path is no path, or something else than a plain file is at the place
                of a file of the checkpoint. Nothing was written.
              OutputError: the disk is full.
              CheckpointMismatchError: with read_back, the checkpoint is not what was saved. The
                'checkpoint' file does not name it then, and no older checkpoint is deleted.
              CheckpointError: with read_back, the checkpoint cannot be read.
            """
            save_path = as_path(save_path, "save_path")
            if global_step is not None:
                given = isinstance(global_step, (int, np.integer))
                global_step = int(global_step if given else tf.train.global_step(sess, global_step))
            prefix = self._slimfix_prefix(save_path, global_step)
            # Version 2 writes beside a folder of the prefix's name, as TensorFlow does.
            version_1 = self.saver_def and self.saver_def.version == tf.train.SaverDef.V1
            check_replaceable(files_of(prefix, single_file=bool(version_1)))
            if self._slimfix_read_back and self.saver_def:
                sess = _session_class()(sess, self.saver_def.save_tensor_name)
            with told_when_full(save_path):
                return super().save(sess, save_path, global_step, *args, **kwargs)

        def restore(self, sess: Any, save_path: str | os.PathLike[str] | None) -> None:
            """Restores as tf.train.Saver does; save_path may be a pathlib.Path."""
            super().restore(sess, save_path if save_path is None else os.fspath(save_path))

        def _slimfix_prefix(self, save_path: str, step: int | None) -> str:
            if step is None:
                return save_path
            padded = self._slimfix_arguments["pad_step_number"]
            return f"{save_path}-{step:08d}" if padded else f"{save_path}-{step:d}"

    return CheckedSaver


@functools.lru_cache(maxsize=None)
def _session_class() -> Any:
    import tensorflow.compat.v1 as tf

    class ReadBackSession(tf.Session):
        """Lends another session to Saver.save, and reads back what it writes.

        The check stands inside the run, before Saver.save writes its 'checkpoint' file and
        deletes older checkpoints.
        """

        def __init__(self, session: Any, save_tensor_name: str):
            # Not tf.Session.__init__, which would open a session.
            self._slimfix_session = session
            self._slimfix_save = save_tensor_name

        def __del__(self) -> None:
            pass  # The lent session is not this one's to close.

        @property
        def graph(self) -> Any:
            return self._slimfix_session.graph

        def run(self, fetches: Any, *args: Any, **kwargs: Any) -> Any:
            session = self._slimfix_session
            if not isinstance(fetches, str) or fetches != self._slimfix_save:
                return session.run(fetches, *args, **kwargs)
            return save_and_verify(session, fetches, *args, **kwargs)

    return ReadBackSession
