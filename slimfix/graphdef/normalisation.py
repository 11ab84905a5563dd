"""The record of one normalisation: what the ops that normalise tell before their variables do."""

from __future__ import annotations

import dataclasses

from slimfix.graphdef.control_flow import Branch


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """Ops that compute `(x - mean) / sqrt(variance + epsilon) * scale + offset`.

    Attributes:
      kind: 'fused' or 'written out'.
      mode: 'inference', 'training' or 'switched'.
      branch: the branch that uses the batch's statistics; None unless switched.
      nodes: names of the nodes that normalise, in the order in which they run.
      input: tensor name of what is normalised; outside the branch where `branch` has one.
      output: tensor name of the result; of the Merge where fused ops are switched.
      scale, offset: tensor names, or None where there is none.
      moving_mean, moving_variance: names of the variables that inference reads, where known.
      batch_mean, batch_variance: names of the tensors that hold the batch's statistics.
      epsilon: what is added to the variance.
      data_format: 'NHWC', 'NCHW', or None where the ops do not say.
      axis: the channels' axis: 1 or -1.
    """

    kind: str
    mode: str
    branch: Branch | None
    nodes: tuple[str, ...]
    input: str
    output: str
    scale: str | None
    offset: str | None
    moving_mean: str | None
    moving_variance: str | None
    batch_mean: tuple[str, ...]
    batch_variance: tuple[str, ...]
    epsilon: float
    data_format: str | None
    axis: int
