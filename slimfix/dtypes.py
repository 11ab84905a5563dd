"""The dtypes of TensorFlow, by the number that a file holds for each.

Source: tensorflow/tensorflow:tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np

FLOAT, STRING, BOOL = 1, 7, 10
FLOATING = frozenset([FLOAT, 2, 14, 19])  # float64, bfloat16, float16.
_REF = 100  # Of a ref variable's own type: DT_FLOAT_REF is 101.
_QUANTIZED = {11: "qint8", 12: "quint8", 13: "qint32", 15: "qint16", 16: "quint16"}
# NumPy has these from ml_dtypes only.
_ML = {
    **{14: "bfloat16", 24: "float8_e5m2", 25: "float8_e4m3fn", 26: "float8_e4m3fnuz"},
    **{27: "float8_e4m3b11fnuz", 28: "float8_e5m2fnuz", 29: "int4", 30: "uint4"},
    **{31: "int2", 32: "uint2", 33: "float4_e2m1fn"},
}
_NAMES = {
    **{1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string"},
    **{8: "complex64", 9: "int64", 10: "bool", 17: "uint16", 18: "complex128", 19: "float16"},
    **{20: "resource", 21: "variant", 22: "uint32", 23: "uint64"},
    **_QUANTIZED,
    **_ML,
}

OF_ML = frozenset(_ML.values())


def is_known(number: int) -> bool:
    """Tells whether `dtype_name` has a name for a number."""
    return _plain(number) in _NAMES


def is_ref(number: int) -> bool:
    """Tells whether a number is of a ref to a dtype."""
    return number > _REF


def dtype_name(number: int) -> str:
    """Returns the name of a dtype as tf.DType has it: 'float32', also for a ref to one.

    Raises: ValueError: slimfix does not know it.
    """
    if not is_known(number):
        raise ValueError(f"{number} is the number of no dtype that slimfix knows")
    return _NAMES[_plain(number)]


@functools.lru_cache(maxsize=None)
def numpy_dtype(name: str) -> np.dtype:
    """Returns the NumPy dtype of one of these names: object for strings, and for quantized ones
    the whole numbers that they are stored as.

    Raises: ValueError: NumPy has none.
    """
    if name == "string":
        return np.dtype(object)
    if name in OF_ML:
        return _of_ml(name)
    if name in ("resource", "variant"):
        raise ValueError(f"a {name} has no value that a file could hold")
    return np.dtype(name[1:] if name in _QUANTIZED.values() else name)


def _of_ml(name: str) -> np.dtype:
    try:
        home: Any = importlib.import_module("ml_dtypes")
    except ImportError:  # On Python 3.7, whose TensorFlow has a bfloat16 of its own.
        home = importlib.import_module("tensorflow")
    found = getattr(home, name, None)
    if found is None:
        raise ValueError(f"the installed {home.__name__} knows no {name}; a newer one does")
    return np.dtype(getattr(found, "as_numpy_dtype", found))


def _plain(number: int) -> int:
    return number - _REF if number > _REF else number
