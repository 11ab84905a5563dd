"""Mends tf-slim on the installed TensorFlow: the one place that knows private TensorFlow names.

TensorFlow moved names that tf-slim 1.1.0 reaches for in TensorFlow's private modules. Each is put
back inside tf-slim's own modules and nowhere else, and only where it is missing, so that TensorFlow
and Keras stay untouched for every other program.
"""

from __future__ import annotations

import dataclasses
import importlib
import threading
from typing import Any

from slimfix.errors import UnsupportedEnvironmentError, explain

_TESTED = "TensorFlow 1.15 and 2.16 to 2.21 with tf-slim 1.1.0"


@dataclasses.dataclass(frozen=True)
class MovedName:
    """A name that a tf-slim module reads from a TensorFlow module, and where it is now.

    Attributes:
      slim_module: the tf-slim module that reads it.
      alias: what tf-slim calls the TensorFlow module there.
      name: what it reads from that module.
      missing_since: the first TensorFlow release in which it is no longer found there.
      homes: where it has been since, 'module:attribute', the newest first.
      needed_by: the tf-slim code that reads it.
    """

    slim_module: str
    alias: str
    name: str
    missing_since: str
    homes: tuple[str, ...]
    needed_by: str


_MOVED_NAMES = (
    MovedName(
        "tf_slim.layers.layers",
        "normalization_layers",
        "BatchNormalization",
        "2.13",
        (
            "tf_keras.src.legacy_tf_layers.normalization:BatchNormalization",
            "keras.src.legacy_tf_layers.normalization:BatchNormalization",  # 2.13 to 2.15
        ),
        "batch_norm, where it uses the core layer",
    ),
    MovedName(
        "tf_slim.layers.utils",
        "ops",
        "Tensor",
        "2.14",
        ("tensorflow:Tensor",),
        "constant_value: fused and legacy batch_norm, dropout",
    ),
    MovedName(
        "tf_slim.layers.utils",
        "control_flow_ops",
        "cond",
        "2.14",
        ("tensorflow.compat.v1:cond",),
        "smart_cond: is_training as a tensor",
    ),
    MovedName(
        "tf_slim.learning",
        "ops",
        "Tensor",
        "2.14",
        ("tensorflow:Tensor",),
        "multiply_gradients",
    ),
    MovedName(
        "tf_slim.learning",
        "ops",
        "IndexedSlices",
        "2.13",
        ("tensorflow:IndexedSlices",),
        "multiply_gradients, clip_gradient_norms",
    ),
    MovedName(
        "tf_slim.training.training",
        "ops",
        "IndexedSlices",
        "2.13",
        ("tensorflow:IndexedSlices",),
        "add_gradients_summaries, clip_gradient_norms, multiply_gradients",
    ),
)

_lock = threading.Lock()


class _Overlay:
    """A module with one name added; every other name is read from the module itself."""

    def __init__(self, module: Any, name: str, value: Any):
        self._module = module
        setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def enable_slim() -> Any:
    """Returns the slim module, mended so that it builds and trains batch norm.

    On TensorFlow 1 that is `tf_slim`, or `tf.contrib.slim` where tf-slim is not installed. On
    TensorFlow 2 it is `tf_slim`. May be called any number of times, from any thread, before or
    after `import tf_slim`.

    Returns: the module to use as `slim`.
    Raises: UnsupportedEnvironmentError: tf-slim is missing, or a name that it needs is neither
      where tf-slim looks nor where TensorFlow and tf_keras keep it now.
    """
    with _lock:
        slim = _import_slim()
        if slim.__name__ == "tf_slim":
            _mend([moved for moved in _MOVED_NAMES if _is_missing(moved)])
        return slim


def __getattr__(name: str) -> Any:
    if name == "slim":
        return enable_slim()
    raise AttributeError(f"module 'slimfix.compat' has no attribute '{name}'")


def _import_slim() -> Any:
    try:
        return importlib.import_module("tf_slim")
    except ModuleNotFoundError as error:
        if error.name != "tf_slim":
            raise
    try:
        return importlib.import_module("tensorflow.contrib.slim")
    except ModuleNotFoundError:
        raise UnsupportedEnvironmentError(
            explain(
                "Cannot import slim",
                cause="tf-slim is not installed.",
                fix="run: pip install tf-slim==1.1.0",
            )
        ) from None


def _is_missing(moved: MovedName) -> bool:
    used = getattr(importlib.import_module(moved.slim_module), moved.alias)
    try:
        getattr(used, moved.name)
    except (AttributeError, ImportError):  # ImportError: a lazy module whose target has moved.
        return True
    return False


def _mend(broken: list[MovedName]) -> None:
    found, lost = _look_up(broken)
    if lost:
        raise UnsupportedEnvironmentError(_explain_lost(lost))
    for moved, value in found:
        module = importlib.import_module(moved.slim_module)
        setattr(module, moved.alias, _Overlay(getattr(module, moved.alias), moved.name, value))


def _look_up(broken: list[MovedName]) -> tuple[list[tuple[MovedName, Any]], list[MovedName]]:
    found, lost = [], []
    for moved in broken:
        values = [value for value in map(_load, moved.homes) if value is not None]
        if values:
            found.append((moved, values[0]))
        else:
            lost.append(moved)
    return found, lost


def _load(home: str) -> Any:
    module, _, attribute = home.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (AttributeError, ImportError):
        return None


def _explain_lost(lost: list[MovedName]) -> str:
    import tensorflow as tf

    items = [
        f"'{moved.slim_module}': wants '{moved.alias}.{moved.name}' for {moved.needed_by}; "
        f"not at {' or '.join(repr(home) for home in moved.homes)} either"
        for moved in lost
    ]
    headline = (
        f"Cannot find {len(lost)} of {len(_MOVED_NAMES)} names that tf-slim needs on "
        f"TensorFlow {tf.__version__}"
    )
    if any(moved.homes[0].startswith("tf_keras") for moved in lost):
        release = ".".join(tf.__version__.split(".")[:2])
        return explain(
            headline,
            items,
            cause="tf_keras is missing, or is of another release than TensorFlow.",
            fix=f"run: pip install tf_keras=={release}.*",
        )
    return explain(
        headline,
        items,
        cause=f"slimfix is tested with {_TESTED}; this TensorFlow keeps the names elsewhere.",
        fix='run: pip install "tensorflow>=2.16,<2.22" "tf_keras>=2.16,<2.22" tf-slim==1.1.0',
    )
