"""TensorFlow 1 checkpoints without a graph: prefix strings in, names and NumPy arrays out."""

from slimfix.checkpoint.reader import Checkpoint, VariableSpec, as_prefix, read_checkpoint

__all__ = ["Checkpoint", "VariableSpec", "as_prefix", "read_checkpoint"]
