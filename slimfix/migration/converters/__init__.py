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
    prelu,
    norms,
    reduction,
    reshape,
    repeated,
    axes,
    slicing,
    joining,
    padding,
    resize,
    local_response,
    elementwise,
    unary,
    operand,
)

__all__ = [
    "activation",
    "axes",
    "batch_norm",
    "elementwise",
    "embedding",
    "fixed_filter",
    "joining",
    "linear",
    "local_response",
    "matmul",
    "norms",
    "operand",
    "padding",
    "pooling",
    "prelu",
    "reduction",
    "repeated",
    "reshape",
    "resize",
    "slicing",
    "unary",
]
