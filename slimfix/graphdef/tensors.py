"""The values of constants, out of TensorProtos; nothing is allocated on their word alone.

A file may declare a shape of two thousand million numbers and hold one, as `tf.zeros` of the size
of a vocabulary does. Such a value comes as a view of that one, and `distinct` gives that one alone;
what does not fit together is refused.

Source: tensorflow:tensorflow/core/framework/tensor.proto and tensor.cc, `Tensor::FromProto`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix import dtypes

MOST_BYTES = 2**31 - 1  # Of a graph, with all that it holds: protobuf reads no more.
_MOST_DECLARED = 2**63 - 1  # Bytes; NumPy has no larger array, not even as a view of one number.
# What a few numbers may be written out to, the last repeated to the end.
_MOST_FILLED_BYTES = 2**28
MOST_AXES = 32  # NumPy 1 has no more.
_FIELDS = {
    **dict.fromkeys(("float32",), "float_val"),
    **dict.fromkeys(("float64",), "double_val"),
    **dict.fromkeys(("int32", "uint8", "int16", "int8", "uint16"), "int_val"),
    **dict.fromkeys(("qint8", "quint8", "qint32", "qint16", "quint16"), "int_val"),
    **{"string": "string_val", "int64": "int64_val", "bool": "bool_val"},
    **{"complex64": "scomplex_val", "complex128": "dcomplex_val"},
    **{"bfloat16": "half_val", "float16": "half_val"},
    **{"uint32": "uint32_val", "uint64": "uint64_val"},
}


def read_tensor(proto: Any) -> np.ndarray:
    """Returns the value of a TensorProto, not to be written to; strings are bytes objects.

    Raises: ValueError: it does not fit together, or is too large; see `find_fault`.
    """
    fault = find_fault(proto)
    if fault:
        raise ValueError(fault)
    shape, dtype = _shape(proto), _numpy_dtype(proto.dtype)
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    stored = _read_stored(proto, dtype)
    size = _count(shape)
    if len(stored) >= size:  # As TensorFlow: tf.zeros([0]) holds a zero, and what is over is left.
        return stored[:size].reshape(shape)
    if len(stored) < 2:
        only = stored[0] if len(stored) else (b"" if dtype.hasobject else dtype.type(0))
        return np.broadcast_to(np.asarray(only, dtype), shape)
    return np.pad(stored, (0, size - len(stored)), "edge").reshape(shape)


def distinct(value: np.ndarray) -> np.ndarray:
    """Returns an array with what it only repeats left out: of a view of one number that number."""
    return value[tuple([slice(0, 1) if not step else slice(None) for step in value.strides])]


def find_fault(proto: Any) -> str | None:
    """Returns what is wrong with a TensorProto, None where it can be read.

    Its shape, its dtype and what it holds have to fit together.
    """
    try:
        dtype = _numpy_dtype(proto.dtype)
    except ValueError as error:
        return str(error)
    shape = _shape(proto)
    if proto.tensor_shape.unknown_rank or (shape and min(shape) < 0):
        return "its shape is not known"
    if len(shape) > MOST_AXES:
        return f"it has {len(shape)} axes"
    size = _count(shape)
    if _count(tuple([max(each, 1) for each in shape])) * dtype.itemsize > _MOST_DECLARED:
        return f"its shape {list(shape)} declares more than any array holds"
    if proto.tensor_content:
        return _fault_of_content(proto, size, dtype)
    field = getattr(proto, _FIELDS[dtypes.dtype_name(proto.dtype)])
    stored = len(field) // 2 if dtype.kind == "c" else len(field)
    if 1 < stored < size and size * dtype.itemsize > _MOST_FILLED_BYTES:
        return f"its shape {list(shape)} declares {size} values; it holds {stored}"
    return None


def _fault_of_content(proto: Any, size: int, dtype: np.dtype) -> str | None:
    if dtype.hasobject:
        return "it holds its strings as numbers"
    if len(proto.tensor_content) != size * dtype.itemsize:
        return (
            f"its shape {list(_shape(proto))} wants {size * dtype.itemsize} bytes; it holds "
            f"{len(proto.tensor_content)}"
        )
    return None


def _shape(proto: Any) -> tuple[int, ...]:
    return tuple([dim.size for dim in proto.tensor_shape.dim])


def _count(shape: tuple[int, ...]) -> int:
    size = 1
    for each in shape:  # In Python's numbers, which do not overflow.
        size *= each
    return size


def _read_stored(proto: Any, dtype: np.dtype) -> np.ndarray:
    """Returns the values that a TensorProto holds one by one, [count]."""
    name = dtypes.dtype_name(proto.dtype)
    field = getattr(proto, _FIELDS[name])
    if name == "string":
        strings = np.empty(len(field), object)
        strings[:] = list(field)
        return strings
    if field and name in ("bfloat16", "float16"):
        return np.array(field, np.uint16).view(dtype)
    if dtype.kind == "c":
        parts = np.array(field, np.float64)
        return (parts[0 : len(parts) // 2 * 2 : 2] + 1j * parts[1::2]).astype(dtype)
    if dtype.kind in "iu":
        return np.array(field, np.int64 if dtype.kind == "i" else np.uint64).astype(dtype)
    return np.array(field, dtype)


def _numpy_dtype(number: int) -> np.dtype:
    if dtypes.is_ref(number):
        raise ValueError("a ref has no value that a file could hold")
    return dtypes.numpy_dtype(dtypes.dtype_name(number))
