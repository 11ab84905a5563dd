"""What Keras's layers and operations take: which parameters, and what they are by default."""

from __future__ import annotations

import functools
import inspect

import slimfix
from slimfix.source.literals import Literals


@functools.lru_cache(maxsize=None)
def defaults(target: str) -> dict[str, str | None]:
    """Returns the source text of each parameter's default, in the order of the parameters.

    Args:
      target: 'layers.Conv2D' or 'ops.add', below keras; 'slimfix.X' for a layer of slimfix.
    Returns: None for a parameter without a default. Those behind **kwargs are not there, but for
      `trainable`, which every layer takes.
    """
    import keras

    room, _, name = target.partition(".")
    called = getattr(slimfix if room == "slimfix" else getattr(keras, room), name)
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    literals = Literals()
    found = {
        parameter.name: None
        if parameter.default is inspect.Parameter.empty
        else literals.text(parameter.default)
        for parameter in inspect.signature(called).parameters.values()
        if parameter.kind in plain
    }
    return {**found, "trainable": "True"} if room != "ops" else found


def is_required(target: str, parameter: str) -> bool:
    """Tells whether a parameter has no default."""
    return defaults(target).get(parameter, "") is None
