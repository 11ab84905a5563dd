"""Lets Keras run in a program whose default graph is a TensorFlow 1 graph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slimfix.errors import MigrationError, UsageError, explain


def run_eagerly(work: Callable[..., Any], *arguments: Any) -> Any:
    """Returns `work(*arguments)`, run where Keras 3 can compute: outside any TensorFlow 1 graph.

    A default graph, as in `with tf.Graph().as_default():`, is one thread's; another has none.

    Raises:
      UsageError: the program has switched eager execution off for every thread.
      MigrationError: Keras, which walks through a model by recursion, would go too deep.
    """
    try:
        return _run(work, arguments)
    except RecursionError as error:
        raise MigrationError(
            explain(
                "The network is too deep for Keras here",
                [f"Python calls at most {sys.getrecursionlimit()} functions inside one another"],
                cause="hundreds of layers, each of which reads the one before.",
                fix="call sys.setrecursionlimit(100_000) in a program, then slimfix.",
            )
        ) from error


def _run(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import tensorflow as tf

    if tf.executing_eagerly():
        return work(*arguments)
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        if not elsewhere.submit(tf.executing_eagerly).result():
            raise UsageError(
                explain(
                    "Keras 3 cannot run in this process: eager execution is switched off",
                    cause="the program called tf.disable_v2_behavior() or "
                    "tf.disable_eager_execution().",
                    fix="migrate in a process of its own, e.g. with the command slimfix migrate.",
                )
            )
        return elsewhere.submit(work, *arguments).result()
