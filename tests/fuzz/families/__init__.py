"""Every kind of file that slimfix reads."""

from __future__ import annotations

from tests.fuzz.case import Family
from tests.fuzz.families import (
    checkpoints,
    data_files,
    graphs,
    keras_files,
    recordings,
    saved_back,
    user_code,
)

FAMILIES: list[Family] = [
    *checkpoints.FAMILIES,
    *saved_back.FAMILIES,
    *graphs.FAMILIES,
    *recordings.FAMILIES,
    *keras_files.FAMILIES,
    *data_files.FAMILIES,
    *user_code.FAMILIES,
]
