"""TensorFlow 1 checkpoints without a graph: prefix strings in, names and NumPy arrays out."""

from slimfix.checkpoint.prefix import as_prefix, meta_beside
from slimfix.checkpoint.reader import Checkpoint, VariableSpec, read_checkpoint

__all__ = ["Checkpoint", "VariableSpec", "as_prefix", "meta_beside", "read_checkpoint"]
