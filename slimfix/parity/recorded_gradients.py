"""Whether recorded gradients are the graph's, where the recording's own ReLUs stood."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import numpy as np

from slimfix.errors import count
from slimfix.parity import compare
from slimfix.parity.result import Reference
from slimfix.parity.setup import Setup
from slimfix.reference.decisions import count_switched, find_decisions
from slimfix.reference.recording import Recording

_Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class RecordedGradients:
    """What is known of recorded gradients.

    Attributes:
      wrong: a line for each that is not what the original computes.
      switched: number of ReLUs that are on in the recording and off in float64, or off and on.
    """

    wrong: tuple[str, ...]
    switched: int

    def said_of(self, reference: Reference) -> Reference:
        """Returns where values come from, with what rounding switched there."""
        if not self.switched:
            return reference
        text = f"{reference.description}, where rounding switched {count(self.switched, 'ReLU')}"
        return dataclasses.replace(reference, description=text)


def hold_recorded(
    setup: Setup, inputs: _Arrays, cotangents: Sequence[np.ndarray], recording: Recording
) -> RecordedGradients:
    """Returns whether recorded gradients are the original's.

    A ReLU that is given next to nothing is on or off by rounding, and gradients are then off by far
    more than rounding. So those of the float64 original are taken where the recording stood: what
    piecewise ops read and make in it is fed in place of what they read and make in float64. Nothing
    but the rounding on the way back is left, and that is measured on the float32 original of now,
    in the same way.

    Args:
      setup: both networks.
      inputs: value by tensor name.
      cotangents: one for each floating-point output of the original.
      recording: of these inputs and cotangents. Where it lacks what is computed in training (L2),
        its decisions are taken for those of float64.
    """
    double, single = (setup.training_graph(inputs, float64) for float64 in (True, False))
    decisions = find_decisions(double)
    with single.open() as run:
        rerun, stood = run.gradients_and_values(inputs, cotangents, decisions)
    at = {name: recording.training[name] for name in decisions if name in recording.training}
    with double.open() as run:
        _, exact = run.gradients_and_values(inputs, cotangents, decisions)
        expected = run.gradients(inputs, cotangents, at)
        own = run.gradients(inputs, cotangents, stood)
    wrong = _find_unlike(recording.gradients, expected)
    wrong += _find_misplaced(at, exact, stood)
    switched = count_switched(double, at, exact)
    for name in sorted(recording.gradients.keys() & expected.keys()):
        terms = compare.cancelled_terms(own[name], rerun[name])
        rounding = _error(rerun[name], own[name], terms)
        error = _error(recording.gradients[name], expected[name], terms)
        if not error <= compare.recorded_limit(rounding):
            wrong.append(
                f"gradient of '{name}': off by {error:.1e} relative; float32 rounding is "
                f"{rounding:.1e}{_explained(at, switched)}"
            )
    return RecordedGradients(tuple(wrong), switched)


def _error(values: np.ndarray, exact: np.ndarray, terms: float) -> float:
    """Returns a relative error: of a vector, whose channels have one number each, as a whole."""
    largest = float(np.max(np.abs(exact), initial=0.0)) if exact.ndim < 2 else 0.0
    return compare.Ruler(exact, max(terms, largest)).measure(values).relative


def _find_unlike(recorded: _Arrays, expected: _Arrays) -> list[str]:
    """Returns a line for each gradient that only one of both has."""
    missing = [f"gradient of '{name}': not recorded" for name in expected if name not in recorded]
    unknown = [f"gradient of '{name}': recorded alone" for name in recorded if name not in expected]
    return [*missing, *unknown]


def _find_misplaced(at: _Arrays, exact: _Arrays, stood: _Arrays) -> list[str]:
    """Returns a line for each recorded tensor that no rounding puts where it is."""
    wrong = []
    for name, value in at.items():
        error, own = (compare.relative_error(each, exact[name]) for each in (value, stood[name]))
        if not error <= compare.recorded_limit(own):
            wrong.append(
                f"'{name}' in training: off by {error:.1e} relative; float32 rounding is {own:.1e}"
            )
    return wrong


def _explained(at: _Arrays, switched: int) -> str:
    """Returns what was left out of the error."""
    if not at:
        return "; which ReLUs were on is not recorded: record L2 too"
    return f"; {count(switched, 'ReLU')} that it switched left out" if switched else ""
