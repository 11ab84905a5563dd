"""Converters from graph nodes to layer records, one module a family of layers or ops.

Importing this package fills the registry. Order matters where two families look at the same op:
a biased layer and a written-out batch norm both end in an Add, and so come before plain addition.
Variables that no layer takes as a weight come last.
"""

from slimfix.migration.converters import (  # noqa: I001  (the order is the order of asking)
    batch_norm,
    linear,
    matmul,
    fixed_filter,
    embedding,
    pooling,
    activation,
    reshape,
    elementwise,
    operand,
)

__all__ = [
    "activation",
    "batch_norm",
    "elementwise",
    "embedding",
    "fixed_filter",
    "linear",
    "matmul",
    "operand",
    "pooling",
    "reshape",
]
