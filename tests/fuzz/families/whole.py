"""What slimfix itself writes, whole: folders of migrate, recordings. Made once, then read.

python -m tests.fuzz.families.whole FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.fuzz.case import read_files, write_files
from tests.fuzz.damage.archives import read_members, write_members

HOME = "build/fuzz/whole"
_MICRO = "tests/golden/micro/rank4_scale/model.ckpt"
_FORM = "tests/golden/forms/placeholder/model.ckpt"
# Name of the folder, checkpoint, arguments of migrate.
MIGRATED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("micro", _MICRO, {}),
    ("form", _FORM, {}),
    ("exact", _MICRO, {"exact_batch_norm": True}),
)
RECORDED = (("micro", _MICRO), ("form", _FORM))
_LEVELS = ["L1", "L2", "L3", "L4"]


def make(home: str) -> None:
    """Migrates and records small networks; the same bytes each time, but for versions."""
    import slimfix

    for name, checkpoint, arguments in MIGRATED:
        folder = f"{home}/{name}"
        slimfix.migrate(checkpoint, folder, **arguments)
        files = read_files(folder)
        members = [
            (path, _undated(content) if path == "metadata.json" else content)
            for path, content in read_members(files["model.keras"])
        ]
        write_files({"model.keras": write_members(members)}, folder)
    for name, checkpoint in RECORDED:
        path = f"{home}/{name}.npz"
        slimfix.record(checkpoint, path, levels=_LEVELS, steps=3, progress=False)
        with open(path, "rb") as file:
            members = read_members(file.read())
        write_files({f"{name}.npz": write_members(members)}, home)


def _undated(content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "date_saved": "2026-01-01@00:00:00"}).encode()


def is_made() -> bool:
    """Tells whether everything is there."""
    return os.path.isfile(f"{HOME}/{RECORDED[-1][0]}.npz")


if __name__ == "__main__":
    make(sys.argv[1])
