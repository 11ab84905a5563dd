"""What a recalibration found and wrote."""

from __future__ import annotations

import dataclasses

import numpy as np

from slimfix.errors import count

_WIDTH = 100  # Columns of the table.
_NUMBERS = "{:>12}{:>12}{:>12}"
_SCOPE = _WIDTH - 2 - 36 - 2


@dataclasses.dataclass(frozen=True)
class RecalibratedLayer:
    """The statistics of one batch norm, before and after.

    Attributes:
      scope: the scope of its variables.
      elements: per channel, that were measured; the sum of their weights for a layer that has
        batch_weights.
      uses: how many inputs they come from; more than 1 where towers or calls share the layer.
      epsilon: what the layer adds to the variance.
      old_mean, old_variance, new_mean, new_variance: [channels], of the variables' dtype.
    """

    scope: str
    elements: float
    uses: int
    epsilon: float
    old_mean: np.ndarray = dataclasses.field(repr=False)
    old_variance: np.ndarray = dataclasses.field(repr=False)
    new_mean: np.ndarray = dataclasses.field(repr=False)
    new_variance: np.ndarray = dataclasses.field(repr=False)

    @property
    def mean_drift(self) -> np.ndarray:
        """|old mean - new mean| / sqrt(new variance + epsilon); float64 [channels]."""
        apart = np.abs(self.old_mean.astype(np.float64) - self.new_mean.astype(np.float64))
        return apart / np.sqrt(self.new_variance.astype(np.float64) + self.epsilon)

    @property
    def stddev_ratio(self) -> np.ndarray:
        """sqrt((old variance + epsilon) / (new variance + epsilon)); float64 [channels]."""
        old, new = (
            variance.astype(np.float64) + self.epsilon
            for variance in (self.old_variance, self.new_variance)
        )
        with np.errstate(invalid="ignore"):  # A broken variance may be negative.
            return np.sqrt(old / new)

    @property
    def drift(self) -> float:
        """How far the worst channel was off: its mean drift, or the doublings of its deviation.

        Infinite where the old statistics were not finite, or a variance was negative.
        """
        worst = np.maximum(self.mean_drift, _doublings(self.stddev_ratio)).max()
        return float("inf") if np.isnan(worst) else float(worst)


@dataclasses.dataclass(frozen=True)
class Recalibration:
    """What `recalibrate` did.

    Attributes:
      layers: one for each set of moving statistics, in the order of the graph.
      method: 'one_pass' or 'layer_by_layer'.
      passes: over the data.
      batches: of each pass.
      variables: names of all that were written, extras of zero_debias and renorm among them.
      checkpoint: prefix of the checkpoint that was written, or None.
    """

    layers: tuple[RecalibratedLayer, ...]
    method: str
    passes: int
    batches: int
    variables: tuple[str, ...]
    checkpoint: str | None

    def __str__(self) -> str:
        """A table of at most 100 columns, worst layer first."""
        lines = [
            f"Recalibrated {count(len(self.layers), 'batch norm')}, {self.method}: "
            f"{self.passes} {'pass' if self.passes == 1 else 'passes'} over {self.batches} "
            f"{'batch' if self.batches == 1 else 'batches'}",
            "  " + _NUMBERS.format("mean off by", "stddev was", "elements") + "  layer",
        ]
        lines += [_row(layer) for layer in sorted(self.layers, key=lambda each: -each.drift)]
        lines += [
            "  Mean off by: the old mean's distance from the new one, in standard deviations.",
            "  Stddev was: the old one as a multiple of the new. Both of the worst channel.",
        ]
        if self.checkpoint:
            lines.append(f"Written: {self.checkpoint}")
        return "\n".join(lines)


def _doublings(ratio: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.abs(np.log2(ratio))


def _row(layer: RecalibratedLayer) -> str:
    ratio = layer.stddev_ratio[_doublings(layer.stddev_ratio).argmax()]
    numbers = _NUMBERS.format(
        f"{layer.mean_drift.max():.3g}", f"{ratio:.3g} x", f"{layer.elements:.10g}"
    )
    fits = len(layer.scope) <= _SCOPE
    return f"  {numbers}  " + (layer.scope if fits else "..." + layer.scope[-(_SCOPE - 3) :])
