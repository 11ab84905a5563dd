"""Makes Keras models whose weights have a shape, and no value: all but their memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable


def without_values(work: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what `work` returns, which makes a model that is only looked at.

    In a thread of its own: variables without values wait in it for theirs, and go with it.
    """
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        return elsewhere.submit(_work, work, arguments).result()


def _work(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import keras

    with keras.StatelessScope(initialize_variables=False):
        return work(*arguments)
