"""Guesses about a batch norm, each computed from its formula."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterator

import numpy as np

from slimfix.parity.diagnosis.chain import Repair, Step
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.segment import Segment
from slimfix.parity.keras_side import copy_operation

KINDS = ("BatchNormalization", "SlimBatchNormalization")

_SAME_EPSILON = 1e-9


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What a batch norm is computed from.

    Attributes:
      mean, variance: float64 [channels]; None for those of the batch.
      gamma, beta: float64 [channels], or 1 and 0 for none.
      epsilon: added to the variance.
      axis: the channels'.
    """

    mean: np.ndarray | None
    variance: np.ndarray | None
    gamma: Any
    beta: Any
    epsilon: float
    axis: int

    def normalise(self, values: Any) -> np.ndarray:
        """Returns (x - mean) / sqrt(variance + epsilon) * gamma + beta.

        Source: Ioffe and Szegedy, arXiv 1502.03167, algorithm 1 and 2.
        """
        moved = np.moveaxis(np.asarray(values), self.axis, -1)
        over = tuple(range(moved.ndim - 1))
        mean = np.mean(moved, over) if self.mean is None else self.mean
        variance = np.var(moved, over) if self.variance is None else self.variance
        with np.errstate(invalid="ignore"):  # A mean taken for a variance may be negative.
            made = (moved - mean) / np.sqrt(variance + self.epsilon) * self.gamma + self.beta
        return np.moveaxis(made, -1, self.axis)


def guess_batch_norm(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields guesses about a batch norm; nothing for another step."""
    step = segment.chain.steps[index]
    if step.kind not in KINDS:
        return
    own = _parameters(step)
    yield from _epsilon(segment, index, own)
    variables = segment.variables(step)
    for name, neutral in (("gamma", 1.0), ("beta", 0.0)):
        has = step.weight(name) is not None
        if has:
            yield Hypothesis(f"{name} extra", {index: _with(own, **{name: neutral})})
        elif name in variables:
            yield Hypothesis(f"{name} missing", {index: _with(own, **{name: variables[name]})})
    if step.weight("gamma") is not None and step.weight("beta") is not None:
        swapped = _with(own, beta=own.gamma, gamma=own.beta)
        yield Hypothesis("beta and gamma swapped", {index: swapped})
    if step.training:
        # A run in training mode has moved the layer's own.
        moving = {
            key: variables.get(f"moving_{key}", step.weight(f"moving_{key}"))
            for key in ("mean", "variance")
        }
        repair = _with(own, **moving)
        yield Hypothesis("batch statistics in place of the moving ones", {index: repair})
        return
    swapped = _with(own, mean=own.variance, variance=own.mean)
    yield Hypothesis("mean and variance swapped", {index: swapped})
    of_batch = _with(own, mean=None, variance=None)
    yield Hypothesis("moving statistics in place of the batch's", {index: of_batch})


def _parameters(step: Step) -> Parameters:
    gamma, beta = step.weight("gamma"), step.weight("beta")
    return Parameters(
        mean=None if step.training else step.weight("moving_mean"),
        variance=None if step.training else step.weight("moving_variance"),
        gamma=1.0 if gamma is None else gamma,
        beta=0.0 if beta is None else beta,
        epsilon=float(copy_operation(step.operation, float64=True).epsilon),
        axis=int(step.config["axis"]),
    )


def _with(own: Parameters, **changes: Any) -> Repair:
    return dataclasses.replace(own, **changes).normalise


def _epsilon(segment: Segment, index: int, own: Parameters) -> Iterator[Hypothesis]:
    """Solves for the epsilon, where the batch norm is the last step that does anything."""
    if index != segment.end or index != len(segment.chain.steps) - 1:
        return
    (values,) = segment.chain.inputs(index)
    if values.shape != segment.expected.shape:
        return
    found = solve_epsilon(values, segment.expected, own)
    if found is not None and abs(found - own.epsilon) > _SAME_EPSILON * own.epsilon:
        had, fits = _told_apart(own.epsilon, found)
        yield Hypothesis(f"epsilon {had} in place of {fits}", {index: _with(own, epsilon=found)})


def solve_epsilon(values: np.ndarray, expected: np.ndarray, own: Parameters) -> float | None:
    """Returns the epsilon that explains a batch norm's result best; None where none can.

    Each channel's factor, by least squares, is gamma / sqrt(variance + epsilon), which gives an
    epsilon for each. Their mean counts each by how exactly its factor tells it.

    Args:
      values: float64, what is normalised.
      expected: float64, same shape, the result.
      own: the other parameters.
    Returns: float, not below zero; None also where the statistics are the batch's, or fewer than
      two channels tell.
    """
    if own.mean is None or own.variance is None:
        return None
    values, expected = (np.moveaxis(each, own.axis, -1) for each in (values, expected))
    over = tuple(range(values.ndim - 1))
    centred = values - own.mean
    power = np.sum(centred * centred, over)
    factor = np.divide(
        np.sum(centred * (expected - own.beta), over),
        power,
        out=np.zeros_like(power),
        where=power > 0,
    )
    gamma = np.broadcast_to(np.asarray(own.gamma, np.float64), factor.shape)
    tells = (factor != 0) & (gamma != 0)
    if np.sum(tells) < 2:  # Any factor of a single channel has an epsilon that gives it.
        return None
    total = np.square(gamma[tells] / factor[tells])
    epsilon = float(np.average(total - own.variance[tells], weights=1 / np.square(total)))
    return epsilon if epsilon >= 0 else None


def _told_apart(had: float, fits: float) -> tuple[str, str]:
    """Writes two numbers as short as tells them apart: float32's shortest, else more digits."""
    short = str(np.float32(had)), str(np.float32(fits))
    return short if short[0] != short[1] else (repr(had), repr(fits))
