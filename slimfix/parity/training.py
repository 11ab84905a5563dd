"""Level L2: every layer in training mode, and the moving statistics after one step."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import numpy as np

from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.parity.compare import recorded_limit, relative_error
from slimfix.parity.keras_side import Training
from slimfix.parity.layers import compare_layers
from slimfix.parity.rows import Diagnosis, LayerParity, StatisticParity
from slimfix.parity.setup import Setup
from slimfix.parity.statistics import Moved, compare_statistics
from slimfix.parity.unproved import check_elements
from slimfix.reference.recording import Recording
from slimfix.reference.training import TrainingGraph

_Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class TrainingForward:
    """Level L2.

    Attributes:
      rows: of the layers, in data-flow order.
      statistics: of all batch norms.
      diagnosis: what was tried on the first statistic that is different; None where none is.
      wrong: a line for each recorded value that the original does not compute.
    """

    rows: Sequence[LayerParity]
    statistics: Sequence[StatisticParity]
    diagnosis: Diagnosis | None
    wrong: Sequence[str]


def compare_training(
    setup: Setup,
    inputs: Mapping[str, np.ndarray],
    recording: Recording | None,
    progress: bool | None,
) -> TrainingForward:
    """Returns a row for each layer and statistic. Dropout drops nothing on either side.

    Args:
      setup: both networks.
      inputs: value by tensor name.
      recording: of these inputs; its tensors in training mode are taken as the float32 original.
      progress: whether to draw a bar; None for where standard error is a terminal.
    """
    graph = setup.training_graph(inputs, float64=True)
    in_inference = setup.in_inference(graph)
    single, double = Training(False, in_inference), Training(True, in_inference)
    rows, wrong = compare_layers(
        setup.flow,
        setup.migration,
        {**setup.migration.training_switches, **inputs},
        setup.for_keras(inputs),
        recording.training if recording else {},
        (single, double),
        progress,
        setup.called,
    )
    original = _step(graph, inputs)
    elements = {
        layer.moving_variance: found
        for layer in setup.batch_norms
        for found in [_count_elements(graph, layer)]
        if layer.moving_variance and found
    }
    check_elements(elements)
    if recording:
        rerun = _step(setup.training_graph(inputs, float64=False), inputs)
        wrong += _find_wrong(recording.statistics, original, rerun)
    moved = Moved(original, double.copies(), elements, in_inference)
    return TrainingForward(rows, *compare_statistics(setup, moved), wrong)


def _step(graph: TrainingGraph, inputs: _Arrays) -> _Arrays:
    """Returns the statistics after one step from the network's own values."""
    with graph.open() as run:
        run.forward(inputs)
        return run.read(graph.statistics)


def _find_wrong(recorded: _Arrays, exact: _Arrays, rerun: _Arrays) -> list[str]:
    wrong = []
    for name in recorded.keys() & exact.keys():
        error, own = (relative_error(each[name], exact[name]) for each in (recorded, rerun))
        if not error <= recorded_limit(own):
            wrong.append(
                f"'{name}' after a step: off by {error:.1e} relative; float32 rounding is {own:.1e}"
            )
    return sorted(wrong)


def _count_elements(graph: TrainingGraph, layer: BatchNormLayer) -> int | None:
    """Returns how many elements of a channel the batch has; None where the graph does not tell."""
    try:
        shape = graph.tensor(layer.input).shape
    except KeyError:  # What it reads is computed elsewhere.
        return None
    total = shape.num_elements()
    channels = shape.as_list()[layer.axis] if shape.ndims else None
    return total // channels if total and channels else None
