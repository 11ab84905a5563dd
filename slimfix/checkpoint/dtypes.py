"""A dtype as a checkpoint stores its values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from slimfix import dtypes
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


def dtype_of(number: int) -> DType:
    """Returns the dtype of a number in a file. Loads no more than NumPy."""
    if not dtypes.is_known(number) or dtypes.is_ref(number):
        raise Damage(f"dtype {number} is none that TensorFlow saves")
    name = dtypes.dtype_name(number)
    if name in ("string", "resource", "variant"):
        return DType(name, "", 0)
    numbers = (
        "uint16"
        if name == "bfloat16"
        else "uint8"
        if name in dtypes.FROM_ML_DTYPES.values()
        else ""
    )
    numbers = numbers or dtypes.numpy_dtype(name).name
    return DType(name, numbers, np.dtype(numbers).itemsize)


def numpy_dtype(dtype: DType) -> np.dtype:
    """Returns the NumPy dtype in which TensorFlow gives values of a dtype of fixed size.

    Quantized ones come as plain integers.
    """
    try:
        return dtypes.numpy_dtype(dtype.name)
    except ValueError as error:
        raise Damage(str(error)) from None
