"""Refuses to record that on which nothing could be proved."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.reference.telling import find_constant, find_repeated, find_unreached

_Arrays = Mapping[str, np.ndarray]
# Two samples of equal values may be summed up in another order.
_SAME = 8 * float(np.finfo(np.float32).eps)


def check_worth(inputs: _Arrays, outputs: _Arrays) -> None:
    """Raises UsageError where other networks would give the same for these inputs.

    Args:
      inputs: value by tensor name.
      outputs: what the network computes of them in inference, likewise.
    """
    infinite = [
        f"'{name}' has no finite value"
        for name, value in outputs.items()
        if not np.any(np.isfinite(value))
    ]
    floating = {name: value for name, value in outputs.items() if value.dtype.kind == "f"}
    unreached = [] if find_repeated(inputs) else find_unreached(floating, _SAME)
    lines = find_constant(inputs) or infinite or unreached
    if lines:
        raise UsageError(
            explain(
                "Nothing worth recording: another network might give the same",
                lines,
                cause="the network does not take inputs of these values, or its weights are "
                "not such as training leaves.",
                fix="give inputs that it takes with data (--data).",
            )
        )


def check_moved(before: _Arrays, after: _Arrays, optimizer: Any) -> None:
    """Raises UsageError where no bit of a weight has changed.

    Args:
      before, after: the weights by name, in float32.
      optimizer: what took the steps.
    """
    if all(np.array_equal(value, after[name]) for name, value in before.items()):
        raise UsageError(
            explain(
                f"Nothing worth recording: {optimizer} moved no weight",
                cause="the steps are below what float32 keeps, or all gradients are zero.",
                fix="give a larger learning_rate (--learning_rate), or leave L4 out (--levels).",
            )
        )
