"""What is Keras's own code, and what somebody put in its place."""

from __future__ import annotations

from typing import Any, Iterable


def comes_from(value: Any, *packages: str) -> bool:
    """Tells whether a class, function or object was written in one of some packages."""
    return str(getattr(value, "__module__", "")).partition(".")[0] in packages


def are_all_keras(operations: Iterable[Any]) -> bool:
    """Tells whether all layers and operations, with all that is in them, are Keras's."""
    return all(map(_is_keras, operations))


def _is_keras(operation: Any) -> bool:
    import keras

    is_layer = isinstance(operation, keras.Layer)
    return all(
        comes_from(value, "keras")
        for each in (operation._flatten_layers() if is_layer else [operation])
        for value in (type(each), *filter(callable, vars(each).values()))
    )
