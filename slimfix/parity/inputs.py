"""Draws inputs for a network of which no recording exists."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.migration.records import InputRecord

_SEED = 20150321
_BATCH = 4
_SCALES = (0.1, 1.0, 3.0, 10.0)  # One a sample: activations saturate in some and not in others.


def draw_inputs(records: Sequence[InputRecord]) -> dict[str, np.ndarray]:
    """Returns normal random inputs, one scale a sample, the same for every call.

    Args:
      records: the inputs of the model; every size but the batch's must be known.
    Returns: value by tensor name.
    Raises: UsageError: a size is unknown, or the input is no floating-point tensor.
    """
    generator = np.random.default_rng(_SEED)
    drawn = {}
    for record in records:
        rest = record.shape[1:]
        if None in rest or not record.dtype.startswith("float"):
            raise UsageError(
                explain(
                    f"Cannot draw values for input '{record.tensor}' {list(record.shape)} "
                    f"{record.dtype}",
                    cause="only the network's owner knows its sizes or what its numbers mean.",
                    fix="give recorded inputs with --recording.",
                )
            )
        batch = record.shape[0] or _BATCH
        scales = np.resize(_SCALES, batch).reshape((batch,) + (1,) * len(rest))
        values = generator.normal(size=(batch, *rest)) * scales  # type: ignore[arg-type]
        drawn[record.tensor] = values.astype(record.dtype)
    return drawn
