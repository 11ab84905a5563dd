"""The kinds of wrong migration. Importing this package fills the registry."""

from tests.mutants.kinds import batch_norm, geometry, moving, structure, training, weights
from tests.mutants.kinds.registry import KINDS, Kind

__all__ = [
    "KINDS",
    "Kind",
    "batch_norm",
    "geometry",
    "moving",
    "structure",
    "training",
    "weights",
]
