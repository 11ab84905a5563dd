"""Why a layer rounds more than the original: read from its weights alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Sequence

import numpy as np

from slimfix.parity.dataflow import Dataflow
from slimfix.parity.rows import LayerParity
from slimfix.parity.verdicts import Verdict

_WORTH_SAYING = 4.0  # Means below lose less than two bits.


def with_causes(flow: Dataflow, rows: Sequence[LayerParity]) -> list[LayerParity]:
    """Returns the rows, the degraded ones with what makes their layer round so much."""
    return [
        dataclasses.replace(row, cause=rounding_cause(flow.operations[row.layer]))
        if row.verdict is Verdict.DEGRADED and row.layer in flow.operations
        else row
        for row in rows
    ]


def rounding_cause(operation: Any) -> str:
    """Returns why a Keras layer may lose precision in float32; '' where nothing is known.

    Batch norm computes x - mean. Where channel means are many times the standard deviation, the
    leading digits cancel out: a fused op, which computes otherwise, does not lose them.

    Args:
      operation: live Keras layer or operation; only weights and settings are read.
    """
    mean, variance = (getattr(operation, name, None) for name in ("moving_mean", "moving_variance"))
    if mean is None or variance is None:
        return ""
    deviation = np.sqrt(_as_array(variance) + operation.epsilon)
    offsets = np.abs(_as_array(mean)) / np.where(deviation > 0, deviation, np.inf)
    worst = float(np.max(offsets, initial=0.0))
    if not worst >= _WORTH_SAYING or not math.isfinite(worst):
        return ""
    bits = round(math.log2(worst))
    return (
        f"channel means up to {worst:.3g} times the standard deviation: float32 loses {bits} bits "
        "in x - mean"
    )


def _as_array(weight: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(weight), np.float64)
