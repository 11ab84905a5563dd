"""The records of a proof as JSON objects: layers, statistics, steps, what was tried."""

from __future__ import annotations

import math
from typing import Any

from slimfix.parity.result import LevelParity
from slimfix.parity.rows import (
    Diagnosis,
    DomainParity,
    LayerParity,
    Spread,
    StatisticParity,
    StepParity,
    TrajectoryParity,
)


def layer_json(row: LayerParity) -> dict[str, Any]:
    """Returns a layer or a gradient."""
    return {
        "layer": row.layer,
        "scope": row.scope,
        "kind": row.kind,
        "tensor": row.tensor,
        "shape": [int(size) for size in row.shape],
        "scale": _finite(row.scale),
        "function_error": _finite(row.function_error),
        "original_error": _finite(row.original_error),
        "keras_error": _finite(row.keras_error),
        "original_ulps": _finite(row.original_ulps),
        "keras_ulps": _finite(row.keras_ulps),
        "silent": int(row.silent),
        "verdict": row.verdict.value,
        "cause": row.cause,
        "dtypes": {"original": row.original_dtype, "keras": row.keras_dtype},
    }


def domain_json(domain: DomainParity) -> dict[str, Any]:
    """Returns where a model was tried."""
    return {
        "seed": int(domain.seed),
        "variants": [
            {
                "inputs": [
                    {"tensor": tensor, "shape": [int(size) for size in shape], "values": values}
                    for (tensor, shape), values in zip(each.shapes, each.ranges)
                ],
                "verdict": each.verdict.value,
                "cause": each.cause,
                "first_difference": None if each.layer is None else layer_json(each.layer),
            }
            for each in domain.variants
        ],
    }


def level_json(level: LevelParity) -> dict[str, Any]:
    """Returns one level in short."""
    return {
        "compared": int(level.compared),
        "noun": level.noun,
        "worst": _finite(level.worst),
        "passed": level.passed,
        "verdict": level.verdict.value,
    }


def statistic_json(row: StatisticParity) -> dict[str, Any]:
    """Returns a moving statistic; what only level L2 knows is null where it did not run."""
    return {
        "variable": row.variable,
        "weight": row.weight,
        "stored": _spread(row.stored),
        "loaded": _spread(row.loaded),
        "original_after": _spread(row.original_after),
        "keras_after": _spread(row.keras_after),
        "function_error": _finite(row.function_error),
        "unexplained_error": _finite(row.unexplained_error),
        "elements": None if row.elements is None else int(row.elements),
        "verdict": row.verdict.value,
        "reason": row.reason,
    }


def trajectory_json(trajectory: TrajectoryParity) -> dict[str, Any]:
    """Returns level L4, every step of it."""
    return {
        "optimizer": trajectory.optimizer,
        "loss": trajectory.loss,
        "steps": [_step(step) for step in trajectory.steps],
    }


def diagnosis_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Returns what was tried on the first difference; an error is null where it does not apply."""
    return {
        "level": diagnosis.level.value,
        "layer": diagnosis.layer,
        "tensor": diagnosis.tensor,
        "trials": [
            {
                "hypothesis": trial.hypothesis,
                "error": _finite(trial.error),
                "fits": bool(trial.fits),
            }
            for trial in diagnosis.trials
        ],
    }


def _step(step: StepParity) -> dict[str, Any]:
    return {
        "step": int(step.step),
        "loss": _finite(step.loss),
        "loss_errors": _errors(step.loss_errors),
        "weight_errors": _errors(step.weight_errors),
        "worst_weight": step.worst_weight,
        "verdict": step.verdict.value,
    }


def _errors(errors: tuple[float, float, float]) -> dict[str, float | None]:
    function, original, keras = errors
    return {
        "function_error": _finite(function),
        "original_error": _finite(original),
        "keras_error": _finite(keras),
    }


def _spread(spread: Spread | None) -> dict[str, float | None] | None:
    if spread is None:
        return None
    return {
        "low": _finite(spread.low),
        "mean": _finite(spread.mean),
        "high": _finite(spread.high),
    }


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and math.isfinite(number) else None
