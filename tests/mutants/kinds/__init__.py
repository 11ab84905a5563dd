"""The kinds of wrong migration. Importing this package fills the registry."""

from tests.mutants.kinds import (
    activations,
    batch_norm,
    moving,
    padding,
    structure,
    training,
    weights,
    windows,
)
from tests.mutants.kinds.registry import KINDS, Kind

__all__ = [
    "KINDS",
    "Kind",
    "activations",
    "batch_norm",
    "moving",
    "padding",
    "structure",
    "training",
    "weights",
    "windows",
]
