"""From a TensorFlow 1 graph and checkpoint to a Keras 3 model."""

from slimfix.migration.conversion import Migration, convert

__all__ = ["Migration", "convert"]
