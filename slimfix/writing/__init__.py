"""Writes what is new, a folder, a file or a few, whole or not at all, and never over another's."""

from slimfix.writing.disk import told_when_full
from slimfix.writing.targets import (
    check_new_file,
    check_new_folder,
    check_parent,
    check_replaceable,
    kind_at,
)
from slimfix.writing.whole import new_file, new_files, new_folder

__all__ = [
    "check_new_file",
    "check_new_folder",
    "check_parent",
    "check_replaceable",
    "kind_at",
    "new_file",
    "new_files",
    "new_folder",
    "told_when_full",
]
