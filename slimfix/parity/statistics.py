"""Level L2: the moving statistics, before and after one training step."""

from __future__ import annotations

import dataclasses
from typing import Any, Collection, Iterator, Mapping

import numpy as np

from slimfix import names
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.parity.compare import SAME_FUNCTION, relative_error
from slimfix.parity.diagnosis.decay import diagnose_statistic
from slimfix.parity.layout import as_variable, whole
from slimfix.parity.matching import Held
from slimfix.parity.rows import Diagnosis, Spread, StatisticParity
from slimfix.parity.setup import Setup
from slimfix.parity.verdicts import Verdict


def describe_statistics(setup: Setup) -> list[StatisticParity]:
    """Returns every moving statistic as it was stored and as it was loaded."""
    return [
        StatisticParity(
            variable=held.record.variable,
            weight=held.path,
            stored=_spread(setup.migration.read(held.record.variable)),
            loaded=_spread(_numpy(held.weight)),
        )
        for held in _statistics(setup)
    ]


_DEBIASED = (
    "the original's moving_mean is debiased (zero_debias_moving_mean), Keras's layer has no such "
    "thing"
)
_IN_FLOAT32 = "the original subtracts in float32 to get the decay that it debiases with"


_KEPT = (
    "the original never updates it; Keras's layer was run with trainable=False, which is to be set "
    "before training"
)


@dataclasses.dataclass(frozen=True)
class Moved:
    """The statistics after one step on some inputs, both sides in float64.

    Attributes:
      original: value by variable name, as the update ops left it; only what they moved.
      keras: by layer name, the copy of the layer that trained.
      elements: by variable name of a moving_variance, the elements of a channel in the batch.
      in_inference: names of the Keras layers that the original never trains.
    """

    original: Mapping[str, np.ndarray]
    keras: Mapping[str, Any]
    elements: Mapping[str, int]
    in_inference: Collection[str] = ()


def compare_statistics(
    setup: Setup, moved: Moved
) -> tuple[list[StatisticParity], Diagnosis | None]:
    """Returns the same as `describe_statistics`, with what one training step made of them; and what
    was tried on the first that is different."""
    layers = {
        name: layer
        for layer in setup.batch_norms
        if layer.mode != "inference"
        for name in layer.statistics
    }
    rows: list[StatisticParity] = []
    diagnosis = None
    for held, row in zip(_statistics(setup), describe_statistics(setup)):
        layer = layers.get(held.record.variable)
        values = _values(setup, moved, held)
        row = _compare(setup, row, layer, values, moved.elements.get(row.variable))
        if held.layer in moved.in_inference and setup.flow.layers[held.layer].trainable:
            row = dataclasses.replace(row, verdict=Verdict.EXPLAINED, reason=_KEPT)
        rows.append(row)
        if rows[-1].verdict is Verdict.DIFFERENT and diagnosis is None:
            diagnosis = _diagnose(rows[-1], layer, values)
    return rows, diagnosis


@dataclasses.dataclass(frozen=True)
class _Values:
    """A statistic in float64, [channels]: before a step, and after it on both sides."""

    before: np.ndarray
    original: np.ndarray
    keras: np.ndarray


def _values(setup: Setup, moved: Moved, held: Held) -> _Values:
    variable = held.record.variable
    before = setup.migration.read(variable).astype(np.float64)
    original = whole(moved.original, variable, before.shape)
    weight = moved.keras[held.layer].weights[held.index] if held.layer in moved.keras else None
    loaded = _numpy(held.weight if weight is None else weight).astype(np.float64)
    keras = as_variable(held.record, loaded, before.shape)
    return _Values(before, before if original is None else original, keras)


def _diagnose(
    row: StatisticParity, layer: BatchNormLayer | None, values: _Values
) -> Diagnosis | None:
    if layer is None or layer.decay is None:
        return None
    fused = row.variable == layer.moving_variance and layer.kind == "fused" and row.elements
    factor = _unbiased(row.elements or 1)[0] if fused else 1.0
    return diagnose_statistic(
        row, values.before, values.original, values.keras, layer.decay, factor
    )


def _compare(
    setup: Setup,
    row: StatisticParity,
    layer: BatchNormLayer | None,
    values: _Values,
    elements: int | None,
) -> StatisticParity:
    original, keras = values.original, values.keras
    error = relative_error(keras, original)
    row = dataclasses.replace(
        row,
        original_after=_spread(original),
        keras_after=_spread(keras),
        function_error=error,
        unexplained_error=error,
        elements=elements,
        verdict=Verdict.IDENTICAL if np.array_equal(keras, original) else Verdict.EQUIVALENT,
    )
    if error <= SAME_FUNCTION:
        return row
    if layer is not None and _is_moved_twice(setup, layer):
        reason = (
            "not compared after the step: several calls update it, in an order that the original "
            "leaves open"
        )
        return dataclasses.replace(
            row, unexplained_error=None, verdict=Verdict.EXPLAINED, reason=reason
        )
    explanations = _explain(setup, layer, row.variable, values.before, keras, elements)
    errors = {reason: relative_error(value, original) for reason, value in explanations}
    reason = min(errors, key=lambda each: errors[each], default="")
    unexplained = min(error, errors.get(reason, error))
    explained = unexplained <= SAME_FUNCTION
    return dataclasses.replace(
        row,
        unexplained_error=unexplained,
        verdict=Verdict.EXPLAINED if explained else Verdict.DIFFERENT,
        reason=reason if explained else "",
    )


def _explain(
    setup: Setup,
    layer: BatchNormLayer | None,
    variable: str,
    before: np.ndarray,
    after: np.ndarray,
    elements: int | None,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields reasons for another value, and what the original makes of Keras's by each."""
    if layer is None or layer.decay is None:
        return
    rate = float(np.float32(1.0 - layer.decay))
    batch = (after - (1.0 - rate) * before) / rate
    other = float(np.float32(1.0) - np.float32(layer.decay))
    of_rate = (
        f"1 - decay is {other:.8g} in the original, which subtracts in float32; {rate:.8g} here"
    )
    rates = {"": rate, of_rate: other} if other != rate else {"": rate}
    keras_layer = _is_planned_for_keras(setup, variable)
    fused = variable == layer.moving_variance and layer.kind == "fused" and elements
    for rate_reason, own_rate in rates.items():
        if rate_reason:
            yield rate_reason, before + own_rate * (batch - before)
        if fused and keras_layer:
            factor, reason = _unbiased(elements or 1)
            yield _join(reason, rate_reason), before + own_rate * (factor * batch - before)
    if variable == layer.moving_mean and _is_debiased(layer):
        biased, steps = _debiasing(setup, layer)
        power = float(np.float32(1.0) - np.float32(rate)) ** (steps + 1.0)
        if keras_layer:
            yield _DEBIASED, ((1.0 - rate) * biased + rate * batch) / (1.0 - power)
        here = (1.0 - rate) ** (steps + 1.0)
        yield _IN_FLOAT32, after * (1.0 - here) / (1.0 - power)


def _is_planned_for_keras(setup: Setup, variable: str) -> bool:
    """Tells whether Keras's own layer was planned, which has not all that slim has."""
    return not any(
        weight.variable == variable and layer.target.startswith("slimfix.")
        for layer in setup.migration.plan.layers
        for weight in layer.weights
    )


def _join(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _unbiased(elements: int) -> tuple[float, str]:
    """Source: tensorflow:tensorflow/core/kernels/fused_batch_norm_op.cc, N / max(N - 1, 1)."""
    less = max(elements - 1, 1)
    return elements / less, (
        f"the original's fused op takes variance * {elements}/{less} into moving_variance, Keras's "
        "layer the plain variance"
    )


def _is_debiased(layer: BatchNormLayer) -> bool:
    return {names.last_part(name) for name in layer.extras} == {"biased", "local_step"}


def _debiasing(setup: Setup, layer: BatchNormLayer) -> tuple[np.ndarray, float]:
    """Returns what zero debiasing keeps: the biased mean, and the number of steps before.

    Source: tensorflow:tensorflow/python/training/moving_averages.py, `_zero_debias`.
    """
    kept = {names.last_part(name): setup.migration.read(name) for name in layer.extras}
    return kept["biased"].astype(np.float64), float(kept["local_step"])


def _is_moved_twice(setup: Setup, layer: BatchNormLayer) -> bool:
    users = [each for each in setup.batch_norms if each.moving_mean == layer.moving_mean]
    return sum(each.mode != "inference" for each in users) > 1


def _statistics(setup: Setup) -> list[Held]:
    known = {name for layer in setup.batch_norms for name in layer.statistics}
    return [held for held in setup.matches.held if held.record.variable in known]


def _spread(values: np.ndarray) -> Spread:
    wide = np.asarray(values, np.float64)
    return Spread(float(wide.min()), float(wide.mean()), float(wide.max()))


def _numpy(weight: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(weight))
