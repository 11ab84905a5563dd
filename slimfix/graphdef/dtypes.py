"""The dtypes of a graph, by the number that it has for each.

Source: tensorflow:tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

import functools

import numpy as np

STRING, BOOL, BFLOAT16 = 7, 10, 14
_REF = 100  # Of a ref variable's own type: DT_FLOAT_REF is 101.
_NAMES = {
    **{1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string"},
    **{8: "complex64", 9: "int64", 10: "bool", 11: "qint8", 12: "quint8", 13: "qint32"},
    **{14: "bfloat16", 15: "qint16", 16: "quint16", 17: "uint16", 18: "complex128"},
    **{19: "float16", 20: "resource", 21: "variant", 22: "uint32", 23: "uint64"},
    **{24: "float8_e5m2", 25: "float8_e4m3fn", 29: "int4", 30: "uint4"},
}


def dtype_name(number: int) -> str:
    """Returns the name of a dtype as tf.DType has it: 'float32', also for a ref to one.

    Raises: ValueError: slimfix does not know it.
    """
    plain = number - _REF if number > _REF else number
    if plain not in _NAMES:
        raise ValueError(f"{number} is the number of no dtype that slimfix knows")
    return _NAMES[plain]


@functools.lru_cache(maxsize=None)
def numpy_dtype(number: int) -> np.dtype:
    """Returns the NumPy dtype of a graph's: object for strings, whole numbers for quantized ones.

    Raises: ValueError: NumPy has none.
    """
    name = dtype_name(number)
    if name == "string":
        return np.dtype(object)
    if name == "bfloat16":
        return _bfloat16()
    if number > _REF or name in ("resource", "variant"):
        raise ValueError(f"a {name} has no value that a file could hold")
    try:
        return np.dtype(name[1:] if name.startswith("q") else name)
    except TypeError as error:
        raise ValueError(f"NumPy has no {name}") from error


def is_known(number: int) -> bool:
    """Tells whether `dtype_name` has a name for a number."""
    return (number - _REF if number > _REF else number) in _NAMES


def _bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError:  # On Python 3.7, whose TensorFlow brings its own.
        import tensorflow as tf

        return np.dtype(tf.bfloat16.as_numpy_dtype)
    return np.dtype(ml_dtypes.bfloat16)
