"""Level L4: loss and weights, step by step, while both sides are trained from the same state."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.parity import compare
from slimfix.parity.layout import as_variable, whole
from slimfix.parity.replica import Replica, check_backend
from slimfix.parity.result import StepParity, TrajectoryParity, Verdict
from slimfix.parity.setup import Setup
from slimfix.progress import show_progress
from slimfix.reference.optimizers import Optimizer

_LOSS = "sum of mean squared differences to drawn targets, and of the regularization losses"
_Arrays = Mapping[str, np.ndarray]
_LEAST = 1e-3


@dataclasses.dataclass(frozen=True)
class Course:
    """What a trajectory runs on.

    Attributes:
      optimizer: takes the steps, from TensorFlow 1's initial state.
      batches: inputs by tensor name, taken in turns.
      targets: for each batch, one array for each floating-point output of the original.
      steps: number of steps.
      losses: as recorded, float32 [steps]; None to take those of a run now.
      weights: as recorded after the last step, by variable name; empty where not recorded.
    """

    optimizer: Optimizer
    batches: Sequence[_Arrays]
    targets: Sequence[Sequence[np.ndarray]]
    steps: int
    losses: np.ndarray | None = None
    weights: _Arrays = dataclasses.field(default_factory=dict)


def compare_trajectories(
    setup: Setup, course: Course, progress: bool | None
) -> tuple[TrajectoryParity, list[str]]:
    """Returns a record of every step, and a line for each recorded loss that is wrong.

    Four trainings run side by side: both networks, in float64 and in float32. Dropout drops
    nothing.

    Args:
      setup: both networks.
      course: what they are trained on.
      progress: whether to draw a bar; None for where standard error is a terminal.
    """
    check_backend()
    first, optimizer = course.batches[0], course.optimizer
    originals = [setup.training_graph(first, float64, optimizer) for float64 in (True, False)]
    in_inference = setup.in_inference(originals[0])
    replicas = [Replica(setup.model, float64, in_inference) for float64 in (True, False)]
    trainers = [replica.trainer(course.optimizer) for replica in replicas]
    held_by = setup.held_by()
    shapes = {variable: setup.migration.read(variable).shape for variable in held_by}
    worst_own = 0.0
    steps: list[StepParity] = []
    wrong: list[str] = []
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(graph.open()) for graph in originals]
        moved = originals[0].weights
        for step in show_progress(range(course.steps), "training", progress, noun="steps"):
            turn = step % len(course.batches)
            batch, targets = course.batches[turn], course.targets[turn]
            given, turned = setup.for_keras(batch), setup.outputs_for_keras(targets)
            losses = [run.train(batch, targets) for run in runs]
            losses += [trainer.train(given, turned) for trainer in trainers]
            exact, own, double, single = losses
            _check_finite(step, exact)
            recorded = own if course.losses is None else float(course.losses[step])
            loss_errors = (
                _share(double, exact),
                _share(recorded, exact),
                _share(single, exact),
            )
            values = [run.read(moved) for run in runs]
            weight_errors, worst_weight = _compare_weights(held_by, shapes, values, replicas)
            worst_own = max(worst_own, loss_errors[1], _share(own, exact), weight_errors[1])
            if _share(recorded, exact) > compare.recorded_limit(max(worst_own, _share(own, exact))):
                wrong.append(f"loss of step {step + 1}: {recorded}; in float64 {exact}")
            limit = compare.amplified_limit(worst_own)
            verdicts = [
                compare.judge(errors[0], worst_own, errors[2], False, limit)
                for errors in (loss_errors, weight_errors)
            ]
            verdict = Verdict.worst(verdicts)
            steps.append(
                StepParity(step + 1, exact, loss_errors, weight_errors, worst_weight, verdict)
            )
    return TrajectoryParity(str(course.optimizer), _LOSS, tuple(steps)), wrong


def _compare_weights(
    held_by: Mapping[str, Sequence[Any]],
    shapes: Mapping[str, Sequence[int]],
    values: Sequence[_Arrays],
    replicas: Sequence[Replica],
) -> tuple[tuple[float, float, float], str]:
    """Returns the errors of the worst weight, and the variable that is worst in float64.

    Every weight is measured against at least a thousandth of the largest of all: what stays at zero
    holds rounding alone.
    """
    worst = [0.0, 0.0, 0.0]
    name = ""
    largest = max((float(np.max(np.abs(v), initial=0)) for v in values[0].values()), default=0)
    least = _LEAST * largest
    for variable, group in held_by.items():
        exact = whole(values[0], variable, shapes[variable])
        own = whole(values[1], variable, shapes[variable])
        if exact is None or own is None:
            continue
        ruler = compare.Ruler(exact, least)
        for held in group:
            double, single = (
                as_variable(held.record, replica.read(held), shapes[variable])
                for replica in replicas
            )
            errors = [ruler.measure(each).relative for each in (double, own, single)]
            if errors[0] > worst[0] or not name:
                name = variable
            worst = [max(pair) for pair in zip(worst, errors)]
    return (worst[0], worst[1], worst[2]), name


def _share(value: float, exact: float) -> float:
    error = abs(value - exact) / abs(exact) if exact else abs(value)
    return error if math.isfinite(error) else math.inf


def _check_finite(step: int, loss: float) -> None:
    """Where the loss is infinite, nothing can be compared any more."""
    if not math.isfinite(loss):
        raise UsageError(
            explain(
                f"Nothing can be proved: the loss of step {step + 1} is {loss} in the original",
                cause="the training diverges.",
                fix="choose a smaller learning_rate (--learning_rate), or fewer steps (--steps).",
            )
        )
