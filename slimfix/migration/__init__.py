"""From a TensorFlow 1 graph and checkpoint to a Keras 3 model."""

from slimfix.migration.conversion import Migration, convert, plan_migration
from slimfix.migration.registry import converts_first as converts

__all__ = ["Migration", "convert", "converts", "plan_migration"]
