"""The dtypes of TensorFlow, by the number that a file holds.

Source: tensorflow/tensorflow:tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from slimfix.checkpoint.damage import Damage


class DType(NamedTuple):
    """A dtype.

    Attributes:
      name: as tf.DType.name has it.
      numbers: a NumPy dtype of the same size, '' where a value has no fixed size.
      size: bytes of one value; 0 where it has no fixed size.
    """

    name: str
    numbers: str
    size: int


STRING = DType("string", "", 0)
_PLAIN = {
    **{1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 8: "complex64"},
    **{9: "int64", 10: "bool", 17: "uint16", 18: "complex128", 19: "float16"},
    **{22: "uint32", 23: "uint64"},
}
_QUANTIZED = {11: "qint8", 12: "quint8", 13: "qint32", 15: "qint16", 16: "quint16"}
_SMALL = {
    **{24: "float8_e5m2", 25: "float8_e4m3fn", 26: "float8_e4m3fnuz", 27: "float8_e4m3b11fnuz"},
    **{28: "float8_e5m2fnuz", 29: "int4", 30: "uint4", 31: "int2", 32: "uint2"},
    **{33: "float4_e2m1fn"},
}
_DTYPES = {
    **{n: DType(name, name, np.dtype(name).itemsize) for n, name in _PLAIN.items()},
    **{n: DType(name, name[1:], np.dtype(name[1:]).itemsize) for n, name in _QUANTIZED.items()},
    14: DType("bfloat16", "uint16", 2),
    **{n: DType(name, "uint8", 1) for n, name in _SMALL.items()},
    7: STRING,
    20: DType("resource", "", 0),
    21: DType("variant", "", 0),
}


def dtype_of(number: int) -> DType:
    """Returns the dtype of a number in a file."""
    if number not in _DTYPES:
        raise Damage(f"dtype {number} is none that TensorFlow saves")
    return _DTYPES[number]


def numpy_dtype(dtype: DType) -> np.dtype:
    """Returns the NumPy dtype in which TensorFlow gives values of a dtype of fixed size.

    Quantized ones come as plain integers.
    """
    if dtype.name != "bfloat16" and dtype.name not in _SMALL.values():
        return np.dtype(dtype.numbers)
    try:
        import ml_dtypes
    except ImportError:  # On Python 3.7, whose TensorFlow has a bfloat16 of its own.
        import tensorflow as tf

        return np.dtype(getattr(tf, dtype.name).as_numpy_dtype)
    if not hasattr(ml_dtypes, dtype.name):
        raise Damage(f"the installed ml_dtypes knows no {dtype.name}; a newer one does")
    return np.dtype(getattr(ml_dtypes, dtype.name))
