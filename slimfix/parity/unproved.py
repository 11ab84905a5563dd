"""Training in which nothing would show, whatever was compared: refused."""

from __future__ import annotations

import math
from typing import Any, Collection, Mapping, Sequence

import numpy as np

from slimfix.errors import UsageError, explain
from slimfix.network.trainable import find_trainable
from slimfix.parity import compare
from slimfix.parity.setup import Setup
from slimfix.reference.training import TrainingRun

_Arrays = Mapping[str, np.ndarray]

# Weights are compared to 1e-9: of such a move, a thousandth shows.
_LEAST_MOVE = 1e-6
# Of rounding, in a training of which something can be proved.
_HORIZON = 1e-6
_SEED = 20150321


def check_elements(elements: Mapping[str, int]) -> None:
    """Raises UsageError where a batch norm is given one element: its variance is zero then.

    Args:
      elements: number in a channel of the batch, by name of the moving variance.
    """
    single = [f"'{variable}': one element" for variable, number in elements.items() if number == 1]
    if single:
        raise UsageError(
            explain(
                "Nothing can be proved in training: what is normalised by itself alone is zero",
                single,
                cause="the batch is a single sample.",
                fix="give data (--data) of several samples, or leave out L2 to L4 (--levels).",
            )
        )


def check_gradients(exact: _Arrays, rerun: _Arrays, inputs: Collection[str]) -> None:
    """Raises UsageError where every gradient is zero, or is but for rounding.

    Those of inputs count where no weight is trained.

    Args:
      exact, rerun: the original's by name, in float64 and in float32.
      inputs: names of the inputs.
    """
    weights = [name for name in exact if name not in inputs]
    told = weights or list(exact)
    silent = [
        name
        for name in told
        if not np.any(exact[name]) or compare.cancelled_terms(exact[name], rerun[name])
    ]
    if told and len(silent) < len(told):
        return
    raise UsageError(
        explain(
            "Nothing can be proved at L3: "
            + (f"all {len(told)} gradients are zero" if told else "the network has no gradient"),
            [f"'{name}'" for name in silent],
            cause="what they are taken of depends on no weight: an activation is off or saturated "
            "for all data, or cotangents cancel out."
            if told
            else "it trains no weight, and takes whole numbers.",
            fix="give other data (--data), or leave L3 out (--levels).",
        )
    )


def check_trains(setup: Setup) -> None:
    """Raises UsageError where an optimizer would have nothing to move."""
    trained = find_trainable(setup.migration.meta_graph)
    held = [held.record.variable for held in setup.matches.held]
    if not held or (trained is not None and not trained):
        raise UsageError(
            explain(
                "Nothing can be proved at L4: the original trains no weight",
                cause="it has none, or all were made with trainable=False.",
                fix="leave L4 out.",
            )
        )


def check_course(steps: int, batches: Sequence[_Arrays]) -> None:
    """Raises UsageError where no step is to be taken."""
    if steps < 1 or not batches:
        raise UsageError(
            explain(
                f"Nothing can be proved at L4: {steps} steps on {len(batches)} batches",
                fix="take at least one step (--steps), on at least one batch.",
            )
        )


def check_reached(
    run: TrainingRun, trained: Collection[str], inputs: _Arrays, targets: Sequence[np.ndarray]
) -> None:
    """Raises UsageError where no output depends on a weight, so that penalties alone move them.

    Args:
      run: of the original.
      trained: names of the variables that it trains.
      inputs: of the first step.
      targets: of the first step, for their shapes.
    """
    generator = np.random.default_rng(_SEED)
    cotangents = [generator.normal(size=target.shape) for target in targets]
    gradients = run.gradients(inputs, cotangents)
    if any(np.any(gradients[name]) for name in trained):
        return
    raise UsageError(
        explain(
            "Nothing can be proved at L4: the outputs do not depend on any weight that is trained",
            cause="an activation before them is off, or saturated, for these inputs.",
            fix="give other data (--data), or leave L4 out (--levels).",
        )
    )


def check_moved(before: _Arrays, after: _Arrays, least: float, optimizer: Any) -> None:
    """Raises UsageError where no weight moved so far that a wrong move would show.

    Args:
      before, after: the original's weights by name, in float64.
      least: what a weight is measured against at least.
      optimizer: what took the steps.
    """
    moves = {
        name: compare.Ruler(value, least).measure(after[name]).relative
        for name, value in before.items()
    }
    most = max(moves.values(), default=0.0)
    if most >= _LEAST_MOVE:
        return
    raise UsageError(
        explain(
            f"Nothing can be proved at L4: {optimizer} moved no weight by more than {most:.1e} of "
            "it",
            cause="the learning rate is below what float32 keeps, or the gradients are zero.",
            fix="choose a larger learning_rate (--learning_rate), or more steps (--steps).",
        )
    )


def check_finite(step: int, exact: float, own: float) -> None:
    """Raises UsageError where the original's loss is infinite: nothing can be compared then.

    Args:
      step: 0 for the first.
      exact, own: its loss in float64 and in float32.
    """
    if not math.isfinite(exact) or not math.isfinite(own):
        raise UsageError(
            explain(
                f"Nothing can be proved: the loss of step {step + 1} is {exact} in the original, "
                f"and {own} in float32",
                cause="the training diverges.",
                fix="choose a smaller learning_rate (--learning_rate), or fewer steps (--steps).",
            )
        )


def check_horizon(step: int, noise: float) -> None:
    """Raises UsageError where rounding alone changes so much that nothing else would show.

    Args:
      step: 1 for the first.
      noise: what became of a change of the first weights in the last place of float64.
    """
    if noise > _HORIZON:
        raise UsageError(
            explain(
                f"Nothing can be proved from step {step} on: a change of the weights in the last "
                f"place of float64 has become {noise:.1e} there",
                cause="the training is chaotic at this learning rate.",
                fix="choose a smaller learning_rate (--learning_rate), or fewer steps (--steps).",
            )
        )
