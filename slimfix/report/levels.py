"""What the levels of a proof are called, and which of them ran."""

from __future__ import annotations

from slimfix.parity.result import LevelParity, ParityResult
from slimfix.parity.verdicts import Level
from slimfix.report.formats import format_error

TITLES = {
    Level.WEIGHTS: "weights, settings, operations",
    Level.INFERENCE: "inference, layer by layer",
    Level.TRAINING: "training mode, one step",
    Level.GRADIENTS: "gradients",
    Level.TRAJECTORY: "many optimizer steps",
}


def every_level(parity: ParityResult) -> dict[Level, LevelParity | None]:
    """Returns all five levels in order; None for each that did not run."""
    ran = {level.level: level for level in parity.levels}
    return {level: ran.get(level) for level in Level}


def format_compared(level: LevelParity) -> str:
    """Returns e.g. '53 layers'; the noun is in the plural whatever the number."""
    return f"{level.compared} {level.noun}"


def format_worst(level: LevelParity) -> str:
    """Returns the largest float64 error; '-' for level L0, which knows equal and different only."""
    return "-" if level.level is Level.WEIGHTS else format_error(level.worst)
