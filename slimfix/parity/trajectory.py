"""Level L4: loss and weights, step by step, while both sides are trained from the same state."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.parity import compare, unproved
from slimfix.parity.layout import as_variable, whole
from slimfix.parity.replica import Replica
from slimfix.parity.rows import StepParity, TrajectoryParity
from slimfix.parity.setup import Setup
from slimfix.parity.verdicts import Verdict
from slimfix.progress import show_progress
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.training import TrainingGraph

_LOSS = "sum of mean squared differences to drawn targets, and of the regularization losses"
_Arrays = Mapping[str, np.ndarray]
_LEAST = 1e-3
_ULP = 2.0**-52


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
    """Returns a record of every step, and a line for each recorded value that is wrong.

    Four trainings run side by side: both networks, in float64 and in float32. Dropout drops
    nothing.

    Args:
      setup: both networks.
      course: what they are trained on.
      progress: whether to draw a bar; None for where standard error is a terminal.
    Raises: UsageError: the original's training diverges.
    """
    unproved.check_course(course.steps, course.batches)
    unproved.check_trains(setup)
    first, optimizer = course.batches[0], course.optimizer
    originals = [setup.training_graph(first, float64, optimizer) for float64 in (True, False)]
    in_inference = setup.in_inference(originals[0])
    replicas = [Replica(setup.flow, float64, in_inference) for float64 in (True, False)]
    trainers = [replica.trainer(optimizer) for replica in replicas]
    weights = _Weights(setup, originals[0].weights, replicas)
    judge = _Judge()
    steps: list[StepParity] = []
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(graph.open()) for graph in originals]
        unproved.check_reached(runs[0], originals[0].trainable, first, course.targets[0])
        before = runs[0].read(weights.variables)
        for step in show_progress(range(course.steps), "training", progress, noun="steps"):
            turn = step % len(course.batches)
            batch, targets = course.batches[turn], course.targets[turn]
            given, turned = setup.for_keras(batch), setup.outputs_for_keras(targets)
            exact, own = (run.train(batch, targets) for run in runs)
            double, single = (trainer.train(given, turned) for trainer in trainers)
            unproved.check_finite(step, exact, own)
            recorded = None if course.losses is None else float(course.losses[step])
            worst = weights.compare([run.read(weights.variables) for run in runs])
            steps.append(judge.step(exact, (double, own, single), recorded, worst))
        after = runs[0].read(weights.variables)
        unproved.check_moved(before, after, _least(before), optimizer)
        if course.weights:
            judge.check_last(course.weights, [run.read(weights.variables) for run in runs])
    if any(step.verdict is Verdict.DIFFERENT for step in steps):
        steps = _judge_by_noise(steps, _measure_noise(course, originals[0], weights, progress))
    return TrajectoryParity(str(optimizer), _LOSS, tuple(steps)), judge.wrong


def _measure_noise(
    course: Course, graph: TrainingGraph, weights: _Weights, progress: bool | None
) -> list[float]:
    """Returns what has become, after each step, of a change of the first weights in the last place.

    The float64 original runs twice: that much rounding alone can do. Where an optimizer divides
    gradients that are zero but for rounding by their own size, as Adam does, it is a lot.
    """
    noise = []
    with graph.open() as run, graph.open(shift=_ULP) as shifted:
        for step in show_progress(range(course.steps), "rounding", progress, noun="steps"):
            turn = step % len(course.batches)
            batch, targets = course.batches[turn], course.targets[turn]
            exact, other = (each.train(batch, targets) for each in (run, shifted))
            values, others = (each.read(weights.variables) for each in (run, shifted))
            least = _least(values)
            errors = [
                compare.Ruler(values[name], least).measure(others[name]).relative
                for name in weights.variables
            ]
            noise.append(max(_share(other, exact), *errors))
    return noise


def _judge_by_noise(steps: Sequence[StepParity], noise: Sequence[float]) -> list[StepParity]:
    """Returns the steps, those that differ by no more than rounding does as equivalent.

    Raises: UsageError: rounding alone soon changes all, before any other difference shows.
    """
    judged, largest = [], 0.0
    for step, own in zip(steps, noise):
        largest = max(largest, own)
        error = max(step.loss_errors[0], step.weight_errors[0])
        if step.verdict is Verdict.DIFFERENT and error <= compare.noise_limit(largest):
            unproved.check_horizon(step.step, largest)
            step = dataclasses.replace(step, verdict=Verdict.EQUIVALENT)
        judged.append(step)
        if step.verdict is Verdict.DIFFERENT:  # What follows only passes it on.
            return [*judged, *steps[len(judged) :]]
    return judged


class _Judge:
    """Gives the verdict on one step after the other; rounding adds up from step to step.

    Attributes:
      wrong: a line for each recorded value that is not what the original computes.
    """

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._count = 0
        self._loss = 0.0  # The largest float32 error of the original's loss so far.
        self._any = 0.0  # The largest float32 error of anything so far, on either side.

    def step(
        self,
        exact: float,
        losses: tuple[float, float, float],
        recorded: float | None,
        weights: tuple[tuple[float, float, float], str],
    ) -> StepParity:
        """Returns the record of a step.

        Args:
          exact: loss of the float64 original.
          losses: Keras in float64, original in float32 as run now, Keras in float32.
          recorded: the float32 original's as recorded, where it was.
          weights: as of `_Weights.compare`.
        """
        self._count += 1
        double, own, single = (_share(loss, exact) for loss in losses)
        weight_errors, worst_weight = weights
        self._any = max(self._any, own, single, *weight_errors[1:])
        original = own
        if recorded is not None:
            original = _share(recorded, exact)
            if not original <= compare.recorded_limit(self._any):
                self.wrong.append(f"loss of step {self._count}: {recorded}; in float64 {exact}")
        self._loss = max(self._loss, own, original)
        verdict = compare.judge(double, self._loss, single, False)
        if not weight_errors[0] <= compare.SAME_FUNCTION:
            verdict = Verdict.DIFFERENT
        errors = (double, original, single)
        return StepParity(self._count, exact, errors, weight_errors, worst_weight, verdict)

    def check_last(self, recorded: _Arrays, values: Sequence[_Arrays]) -> None:
        """Holds recorded weights against those of the original, in float64 and float32."""
        exact, _ = values
        for name in sorted(recorded.keys() & exact.keys()):
            error = compare.Ruler(exact[name], _least(exact)).measure(recorded[name]).relative
            if not error <= compare.recorded_limit(self._any):
                self.wrong.append(f"'{name}' after the last step: off by {error:.1e} relative")


class _Weights:
    """The weights that are compared after each step: all but moving statistics.

    Attributes:
      variables: their names in the original; of a partitioned one those of its parts.
    """

    def __init__(self, setup: Setup, variables: Sequence[str], replicas: Sequence[Replica]):
        self.variables = [name for name in variables if not names.is_statistic_name(name)]
        self._held = {
            variable: (group, setup.migration.read(variable).shape)
            for variable, group in setup.held_by().items()
            if not names.is_statistic_name(variable)
        }
        self._replicas = replicas

    def compare(self, values: Sequence[_Arrays]) -> tuple[tuple[float, float, float], str]:
        """Returns the errors of the worst weight, and the variable that is worst in float64.

        Args:
          values: the original's, in float64 and in float32.
        """
        least = _least(values[0])
        worst, name = [0.0, 0.0, 0.0], ""
        for variable, (group, shape) in self._held.items():
            exact, own = (whole(each, variable, shape) for each in values)
            if exact is None or own is None:
                continue
            ruler = compare.Ruler(exact, least)
            for held in group:
                double, single = (
                    as_variable(held.record, replica.read(held), shape)
                    for replica in self._replicas
                )
                errors = [ruler.measure(each).relative for each in (double, own, single)]
                if errors[0] > worst[0] or not name:
                    name = variable
                worst = [max(pair) for pair in zip(worst, errors)]
        return (worst[0], worst[1], worst[2]), name


def _least(values: _Arrays) -> float:
    """Returns what every weight is measured against at least: a thousandth of the largest of all.

    What stays at zero, such as a bias in front of a batch norm, holds rounding alone.
    """
    return _LEAST * max((float(np.max(np.abs(v), initial=0)) for v in values.values()), default=0.0)


def _share(value: float, exact: float) -> float:
    error = abs(value - exact) / abs(exact) if exact else abs(value)
    return error if math.isfinite(error) else math.inf
