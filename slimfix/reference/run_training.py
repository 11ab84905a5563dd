"""What training a network gives, from seeds: statistics, gradients, the steps of an optimizer."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.progress import show_progress
from slimfix.reference.feeds import Data
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.recording import RecordedTrajectory
from slimfix.reference.trained_network import TrainedNetwork
from slimfix.reference.training import TrainingGraph
from slimfix.reference.worth import check_moved

_SEED = 20150502


def run_training(
    network: TrainedNetwork, inputs: Data, levels: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the statistics after a step, and gradients with their cotangents.

    Args:
      network: which.
      inputs: value by tensor name.
      levels: 'L2' for the statistics, 'L3' for gradients.
    Returns: of 'statistics', 'cotangents' and 'gradients' those asked for, each as of `Recording`.
    """
    graph = TrainingGraph(network, inputs, float64=False)
    found = {}
    with graph.open() as run:
        outputs = _floating(run.forward(inputs))
        if "L2" in levels:
            found["statistics"] = run.read(graph.statistics)
    if "L3" in levels:
        generator = np.random.default_rng(_SEED)
        found["cotangents"] = {
            name: generator.standard_normal(value.shape).astype(value.dtype)
            for name, value in outputs.items()
        }
        # From the beginning: the pass before has moved statistics.
        with graph.open() as run:
            gradients = run.gradients(inputs, list(found["cotangents"].values()))
        found["gradients"] = dict(sorted(gradients.items()))
    return found


def take_steps(
    network: TrainedNetwork,
    batches: Sequence[Data],
    optimizer: Optimizer,
    steps: int,
    progress: bool | None,
) -> RecordedTrajectory:
    """Returns what some steps of an optimizer give, on batches in turns.

    Args:
      network: which.
      batches: value by tensor name, all of one size.
      optimizer: in its initial state.
      steps: at least 1.
      progress: as of `show_progress`.
    Raises: UsageError: a loss is not finite, or no weight moved.
    """
    graph = TrainingGraph(network, batches[0], float64=False, optimizer=optimizer)
    with graph.open() as run:
        outputs = _floating(run.forward(batches[0]))
    generator = np.random.default_rng(_SEED)
    targets = {
        name: (generator.standard_normal((len(batches), *value.shape)) * _scale(value)).astype(
            value.dtype
        )
        for name, value in outputs.items()
    }
    losses: list[float] = []
    with graph.open() as run:
        before = run.read(graph.trainable)
        for step in show_progress(range(steps), "Training", progress, noun="steps"):
            turn = step % len(batches)
            losses.append(run.train(batches[turn], [target[turn] for target in targets.values()]))
            if not np.isfinite(np.float32(losses[-1])):
                raise _diverged(losses, optimizer)
        weights = run.read(sorted([*graph.trainable, *graph.statistics]))
    check_moved(before, weights, optimizer)
    return RecordedTrajectory(
        optimizer=optimizer,
        inputs={name: np.stack([batch[name] for batch in batches]) for name in batches[0]},
        targets=targets,
        losses=np.array(losses, np.float32),
        weights=weights,
    )


def _floating(values: Data) -> dict[str, np.ndarray]:
    return {name: value for name, value in values.items() if value.dtype.kind == "f"}


def _scale(output: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(output, dtype=np.float64))))


def _diverged(losses: Sequence[float], optimizer: Optimizer) -> UsageError:
    return UsageError(
        explain(
            f"The loss is not finite in step {len(losses)} of {optimizer}",
            [f"step {number + 1}: {losses[number]:g}" for number in range(len(losses))[-5:]],
            cause="the steps are too large for this network.",
            fix="give a smaller learning_rate (--learning_rate).",
        )
    )
