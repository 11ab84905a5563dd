"""The dtypes of graph tensors that a Keras model computes with, by their number in TensorFlow."""

from __future__ import annotations

from typing import Sequence

from slimfix.dtypes import BOOL
from slimfix.graphdef.view import Node
from slimfix.migration.records import WeightRecord

FLOAT32 = 1  # tensorflow/core/framework/types.proto
FLOAT64 = 2
INT32 = 3
INT64 = 9

# Half floats are left out: Keras's layers would compute in float32 where TensorFlow rounds to half.
NAMES = {
    FLOAT32: "float32",
    FLOAT64: "float64",
    INT32: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    INT64: "int64",
    17: "uint16",
    BOOL: "bool",
}


# They give float32 whatever they take.
_FLOAT32_RESULTS = ("ResizeArea", "ResizeBicubic", "ResizeBilinear")
_KEYS = ("T", "Tparams", "dtype")


def layer_dtype(node: Node, weights: Sequence[WeightRecord]) -> str:
    """Returns what the Keras layer of a node computes in: float64 if the node does."""
    found = {node.attr(key) for key in _KEYS} if node.op not in _FLOAT32_RESULTS else set()
    is_double = FLOAT64 in found or any(weight.dtype == "float64" for weight in weights)
    return "float64" if is_double else "float32"


def is_float(node: Node, key: str = "T") -> bool:
    """Tells whether a node computes in float32 or float64."""
    return node.attr(key, FLOAT32) in (FLOAT32, FLOAT64)


def is_integer(node: Node, key: str = "T") -> bool:
    """Tells whether a node computes on integers."""
    return node.attr(key, FLOAT32) in NAMES and not is_float(node, key) and node.attr(key) != BOOL
