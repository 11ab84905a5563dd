"""How far moving statistics are from those of a batch, and that as TensorBoard summaries."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

_BUCKETS = 30  # As many as TensorBoard draws.


@dataclasses.dataclass(frozen=True)
class Drift:
    """Distances between what a layer normalises with in training and in inference.

    Attributes:
      drift_max, drift_mean: over the channels, of
        |moving_mean - batch_mean| / sqrt(moving_variance + epsilon): the shift of the layer's
        normalised output between training and inference, in standard deviations.
      variance_ratio_min, variance_ratio_max: over the channels, of
        (batch_variance + epsilon) / (moving_variance + epsilon): the square of how much wider the
        output is in inference. 1 is no difference; epsilon keeps it 1 in dead channels.
    Source: both from y = (x - mean) / sqrt(variance + epsilon), Ioffe and Szegedy 2015,
      arXiv 1502.03167, algorithms 1 and 2.
    """

    drift_max: float
    drift_mean: float
    variance_ratio_min: float
    variance_ratio_max: float


def measure_drift(
    moving_mean: np.ndarray,
    moving_variance: np.ndarray,
    batch_mean: np.ndarray,
    batch_variance: np.ndarray,
    epsilon: float,
) -> Drift:
    """Returns the drift of one layer, computed in float64; NaN where a value is, or a root is.

    Args:
      moving_mean, moving_variance: [channels], after the step.
      batch_mean, batch_variance: [channels], of the batch of that step.
      epsilon: of the layer.
    """
    moving_mean, moving_variance, batch_mean, batch_variance = (
        each.astype(np.float64).ravel()
        for each in (moving_mean, moving_variance, batch_mean, batch_variance)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        drift = np.abs(moving_mean - batch_mean) / np.sqrt(moving_variance + epsilon)
        ratio = (batch_variance + epsilon) / (moving_variance + epsilon)
    return Drift(
        drift_max=float(drift.max()),
        drift_mean=float(drift.mean()),
        variance_ratio_min=float(ratio.min()),
        variance_ratio_max=float(ratio.max()),
    )


def build_summaries(
    tag: str, drift: Drift, moving_mean: np.ndarray, moving_variance: np.ndarray
) -> list[Any]:
    """Returns tf.Summary.Value protos: each number of `drift`, and a histogram of each statistic.

    Args:
      tag: what their tags begin with, e.g. 'conv1/BatchNorm'.
    """
    import tensorflow.compat.v1 as tf

    scalars = [
        tf.Summary.Value(tag=f"{tag}/{name}", simple_value=value)
        for name, value in dataclasses.asdict(drift).items()
    ]
    statistics = {"moving_mean": moving_mean, "moving_variance": moving_variance}
    return scalars + [
        tf.Summary.Value(tag=f"{tag}/{name}", histo=build_histogram(values))
        for name, values in statistics.items()
    ]


def build_histogram(values: np.ndarray) -> Any:
    """Returns the HistogramProto of the finite ones among the values, in equal buckets."""
    import tensorflow.compat.v1 as tf

    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return tf.HistogramProto(bucket_limit=[0.0], bucket=[0.0])
    counts, edges = np.histogram(finite, bins=_BUCKETS)
    return tf.HistogramProto(
        min=finite.min(),
        max=finite.max(),
        num=finite.size,
        sum=finite.sum(),
        sum_squares=np.square(finite).sum(),
        bucket_limit=edges[1:].tolist(),  # The first bucket begins at min.
        bucket=counts.tolist(),
    )
