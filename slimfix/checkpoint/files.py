"""The files of a checkpoint: read at a place, and never beyond their end.

Files are read, not mapped into memory: every byte goes through a checksum anyway, and a mapped file
that another process cuts short kills the reader.
"""

from __future__ import annotations

import glob
import os
import re
from typing import Any

from slimfix.checkpoint.damage import Damage

_CHUNK = 1 << 20


class File:
    """An open file. Paths with '://', such as gs://, go through TensorFlow's file systems."""

    def __init__(self, path: str):
        self.path = path
        self._file = _open(path)
        self._file.seek(0, os.SEEK_END)
        self.size = self._file.tell()

    def __enter__(self) -> File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """Returns `size` bytes from `offset` on.

        Raises:
          Damage: the file is shorter.
          OSError: the system cannot read it, or it is no longer what it was when it was opened.
        """
        self.check_range(offset, size)
        try:
            self._file.seek(offset)
            content = self._file.read(size)
        except OSError as error:
            error.filename = self.path  # The system names it only where a file is opened.
            raise
        if len(content) != size:
            raise OSError(f"'{self.path}' was cut short while it was read")
        return content

    def read_into(self, target: memoryview, offset: int) -> int:
        """Fills `target` (bytes) from `offset` on. Returns the CRC-32C of what was read."""
        import google_crc32c

        crc = 0
        for start in range(0, len(target), _CHUNK):
            part = self.read(offset + start, min(_CHUNK, len(target) - start))
            target[start : start + len(part)] = part
            crc = google_crc32c.extend(crc, part)
        return crc

    def check_range(self, offset: int, size: int) -> None:
        """Raises Damage if a range that a file declares is not in this one."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise Damage(f"bytes {offset} to {offset + size}: '{self.path}' has {self.size} bytes")


def file_size(path: str) -> int:
    """Returns how many bytes a file has."""
    with File(path) as file:
        return file.size


def is_remote(path: str) -> bool:
    """Returns whether only TensorFlow's file systems know a path, e.g. gs://bucket/model.ckpt."""
    return "://" in path


def is_file(path: str) -> bool:
    """Returns whether a path is a regular file: no folder, device or FIFO."""
    if is_remote(path):
        return bool(_gfile().exists(path)) and not _gfile().isdir(path)
    return os.path.isfile(path)


def find_files(prefix: str, ending: str) -> list[str]:
    """Returns the files whose path is `prefix` and then what the pattern `ending` matches."""
    if is_remote(prefix):
        escaped = re.sub(r"([*?\[\]\\])", r"\\\1", prefix)
        return sorted(_gfile().glob(escaped + ending))
    return sorted(glob.glob(glob.escape(prefix) + ending))


def _open(path: str) -> Any:
    if not is_file(path):
        raise Damage(f"'{path}' is missing, or no regular file")
    if is_remote(path):
        return _gfile().GFile(path, "rb")
    return open(path, "rb", buffering=0)


def _gfile() -> Any:
    import tensorflow as tf

    return tf.io.gfile
