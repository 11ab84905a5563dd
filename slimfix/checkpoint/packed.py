"""Values in a TensorProto, as version 1 stores them: packed in the field of their dtype.

Source: tensorflow/tensorflow:tensorflow/core/framework/tensor.proto, and
tensorflow/core/util/saved_tensor_slice_util.h.
"""

from __future__ import annotations

import numpy as np

from slimfix.checkpoint.damage import Damage
from slimfix.checkpoint.dtypes import STRING, DType, numpy_dtype
from slimfix.checkpoint.wire import Message

_STRINGS = 8
# Little-endian numbers of fixed size; a complex number is two of them.
_FIXED = {"float32": 5, "float64": 6, "complex64": 9, "complex128": 12}
_VARINTS = {"int64": 10, "bool": 11, "uint32": 16, "uint64": 17}
_VARINTS_OF_BITS = {"float16": 13, "bfloat16": 13}
_INT_VAL = 7


def unpack(tensor: Message, dtype: DType, count: int) -> np.ndarray:
    """Returns the `count` values of a TensorProto, one after another."""
    if dtype == STRING:
        strings = tensor.each(_STRINGS)
        _check_count(len(strings), count)
        values = np.empty(count, object)
        values[:] = strings
        return values
    if dtype.name in _FIXED:
        packed = tensor.joined(_FIXED[dtype.name])
        found, rest = divmod(len(packed), dtype.size)
        _check_count(found + bool(rest), count)
        return np.frombuffer(packed, np.dtype(dtype.name).newbyteorder("<")).astype(dtype.name)
    if dtype.name in _VARINTS_OF_BITS:
        return _unpack_varints(
            tensor.joined(_VARINTS_OF_BITS[dtype.name]), count, np.dtype("uint16")
        ).view(numpy_dtype(dtype))
    field = _VARINTS.get(dtype.name, _INT_VAL)
    numbers = _unpack_varints(tensor.joined(field), count, np.dtype(dtype.numbers))
    return numbers.view(numpy_dtype(dtype))


def _unpack_varints(packed: bytes, count: int, dtype: np.dtype) -> np.ndarray:
    """Returns varints as numbers of a dtype that holds each of them."""
    data = np.frombuffer(packed, np.uint8)
    last = np.flatnonzero(data < 0x80)
    _check_count(len(last), count)
    if data.size and data[-1] >= 0x80:
        raise Damage("a varint goes beyond the end")
    lengths = np.diff(last, prepend=-1)
    first = last - lengths + 1
    values = np.zeros(count, np.uint64)
    longest = int(lengths.max()) if count else 0
    if longest > 10:
        raise Damage("a varint has more than 10 bytes")
    for digit in range(longest):
        longer = lengths > digit
        digits = (data[first[longer] + digit] & 0x7F).astype(np.uint64)
        values[longer] |= digits << np.uint64(7 * digit)
    # A negative number is the varint of its two's complement in 64 bits.
    numbers = values if dtype == np.uint64 else values.view(np.int64)
    narrow = numbers.astype(dtype)
    if (narrow.astype(numbers.dtype) != numbers).any():
        raise Damage(f"a number is none of {dtype.name}")
    return narrow


def _check_count(found: int, count: int) -> None:
    if found != count:
        raise Damage(f"it holds {found} values in place of {count}")
