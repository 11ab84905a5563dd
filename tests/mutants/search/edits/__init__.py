"""The edits that make a model wrong. Importing this package fills the registry."""

from tests.mutants.search.edits import (
    calls,
    insert,
    live,
    models,
    remove,
    settings,
    siblings,
    sizes,
    weights,
    wiring,
)
from tests.mutants.search.edits.registry import EDITS, Change, DoesNotApply, Edit, Scene

__all__ = [
    "EDITS",
    "Change",
    "DoesNotApply",
    "Edit",
    "Scene",
    "calls",
    "insert",
    "live",
    "models",
    "remove",
    "settings",
    "siblings",
    "sizes",
    "weights",
    "wiring",
]
