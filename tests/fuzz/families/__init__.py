"""Every kind of file that slimfix reads."""

from __future__ import annotations

import keras  # noqa: F401
import tensorflow  # noqa: F401

import slimfix
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

# Once a process, and before memory is measured.
for _name in slimfix.__all__:
    getattr(slimfix, _name)

FAMILIES: list[Family] = [
    *checkpoints.FAMILIES,
    *saved_back.FAMILIES,
    *graphs.FAMILIES,
    *recordings.FAMILIES,
    *keras_files.FAMILIES,
    *data_files.FAMILIES,
    *user_code.FAMILIES,
]
