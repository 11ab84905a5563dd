"""Settings in one plain form, whichever layer or operation they are of."""

from __future__ import annotations

import hashlib
from typing import Any, Hashable

import numpy as np

from slimfix.parity.dataflow import Call, Tensor

_AXES = ("axis", "axes", "axis1", "axis2")


def operation_settings(call: Call, rank: int) -> Hashable:
    """Returns the settings of an operation: what it keeps, and its arguments but for tensors."""
    kept = {
        key: plain(value, key, rank)
        for key, value in vars(call.operation).items()
        if not key.startswith("_") and key != "name"
    }
    if not kept and not call.kwargs and all(isinstance(each, Tensor) for each in call.args):
        return ()
    return (*sorted(kept.items()), plain(call.args), plain(call.kwargs))


def pinned(call: Call) -> Hashable:
    """Returns the arguments of a layer's call but for tensors.

    `training=False` pins nothing: Keras overrides it in training.
    """
    kwargs = {
        key: value
        for key, value in call.kwargs.items()
        if value is not None and (key, value) != ("training", False)
    }
    return (plain(call.args), plain(kwargs)) if kwargs else ()


def plain(value: Any, key: str = "", rank: int = 0) -> Hashable:
    """Returns a setting or argument in one hashable form; every tensor alike."""
    if isinstance(value, Tensor):
        return "tensor"
    if isinstance(value, dict):
        return tuple(sorted((name, plain(each)) for name, each in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(plain(each, key, rank) for each in value)
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, (bool, str, type(None))):
        return value
    if isinstance(value, int) and key in _AXES and rank:
        return value % rank
    if isinstance(value, (int, float, np.generic, np.ndarray)) or hasattr(value, "numpy"):
        return plain_number(value)
    return f"{value!r}"


def plain_number(value: Any) -> Hashable:
    """Returns a constant as float32 has it: a number, where all are one; else shape and bits."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        return repr(array.tolist())
    if array.size and np.all(array == array.flat[0]):
        return float(np.float32(array.flat[0]))
    bits = array.astype(np.float32).tobytes()
    return (array.shape, hashlib.sha256(bits).hexdigest())


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def plain_activation(function: Any, rank: int) -> tuple[str, Hashable] | None:
    """Returns the kind and settings of an activation function; None of the identity."""
    import keras

    name = getattr(function, "__name__", "")
    if getattr(keras.activations, name, None) is not function:
        return f"activation {name}", id(function)
    if name == "linear":
        return None
    return {
        "relu": relu(),
        "relu6": relu(6.0),
        "leaky_relu": relu(slope=0.2),
        "softmax": ("softmax", rank - 1),
        "log_softmax": ("log_softmax", rank - 1),
        "elu": ("elu", 1.0),
        "swish": ("silu", ()),
    }.get(name, (name, ()))


def relu(largest: Any = None, slope: Any = 0.0, threshold: Any = 0.0) -> tuple[str, Hashable]:
    bound = None if largest is None else float(np.float32(largest))
    return "relu", (bound, float(np.float32(slope)), float(np.float32(threshold)))
