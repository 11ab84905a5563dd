"""What the faces of the report say in common: the order of layers, the source and the verdict."""

from __future__ import annotations

import math
from typing import Sequence

from slimfix.parity.result import LayerParity, ParityResult, Verdict
from slimfix.report.formats import format_count, format_error
from slimfix.report.groups import group_variables
from slimfix.report.result import MigrationResult

_SAME_FUNCTION = {
    Verdict.IDENTICAL: "float32 values are equal to the bit",
    Verdict.EQUIVALENT: "its float32 error is like the original's own",
    Verdict.DEGRADED: "the float32 error of some layers is over four times the original's own",
}


def worst_first(layers: Sequence[LayerParity]) -> tuple[LayerParity, ...]:
    """Returns the layers in the order in which an auditor wants to see them.

    By verdict. Layers that compute another function stay in data-flow order: the first one is
    the cause, those after it may only pass its error on. All others go by how many times the
    original's own float32 error theirs is, then by that error.
    """

    def badness(row: LayerParity) -> tuple[float, float, float]:
        order = -float(list(Verdict).index(row.verdict))
        if row.verdict is Verdict.DIFFERENT:
            return order, 0.0, 0.0
        return order, -_ratio(row.keras_error, row.original_error), -_or_inf(row.keras_error)

    return tuple(sorted(layers, key=badness))


def _ratio(error: float, own: float) -> float:
    if _or_inf(error) == math.inf:
        return math.inf
    if own == 0:
        return math.inf if error else 0.0
    return 0.0 if _or_inf(own) == math.inf else error / own


def _or_inf(error: float) -> float:
    return error if math.isfinite(error) else math.inf


def worst_output(parity: ParityResult) -> LayerParity:
    """Returns the row of the output that comes first in `worst_first`."""
    return next(row for row in worst_first(parity.layers) if row.tensor in parity.outputs)


def describe_verdict(result: MigrationResult) -> tuple[str, ...]:
    """Returns the verdict as full sentences, the one that matters most first."""
    parity = result.parity
    sentences = []
    first = parity.first_difference
    if first is not None:
        different = sum(row.verdict is Verdict.DIFFERENT for row in parity.layers)
        sentences += [
            f"The first layer that computes another function is '{first.layer}' ({first.kind}, "
            f"number {parity.layers.index(first) + 1} of {len(parity.layers)} in data-flow order), "
            f"tensor '{first.tensor}': float64 error {format_error(first.function_error)}.",
            f"{different} of {format_count(len(parity.layers), 'layer')} differ in float64.",
        ]
    if parity.weights.different:
        sentences.append(
            f"{len(parity.weights.different)} of {format_count(parity.weights.compared, 'weight')} "
            "read back from the Keras file do not have the checkpoint's bits."
        )
    if parity.settings.different:
        sentences.append(
            f"{len(parity.settings.different)} of "
            f"{format_count(parity.settings.compared, 'setting')} read back from the Keras file "
            "are not as planned."
        )
    if not sentences:
        sentences.append(
            "The Keras model computes the same function as the original; "
            f"{_SAME_FUNCTION[parity.verdict]}."
        )
    if parity.verdict is Verdict.DEGRADED:
        degraded = sum(row.verdict is Verdict.DEGRADED for row in parity.layers)
        sentences.append(
            f"{degraded} of {format_count(len(parity.layers), 'layer')} round so much; the worst "
            f"output is {worst_output(parity).verdict.value}."
        )
    lost = group_variables(result.variables).lost
    if lost:
        sentences.append(
            f"{format_count(len(lost), 'variable')} of the checkpoint unaccounted for."
        )
    return tuple(sentences)


def describe_source(result: MigrationResult) -> tuple[tuple[str, str], ...]:
    """Returns (label, text) pairs: what was read, what was chosen, and what computed it."""
    parity = result.parity
    reference = parity.reference.description
    if parity.reference.recorded_tensors:
        checked = format_count(parity.reference.recorded_tensors, "recorded tensor")
        reference += f"; {checked} checked against float64"
    return (
        ("checkpoint", result.checkpoint),
        ("meta", result.meta),
        *(("switch", f"'{name}' = {value}") for name, value in result.switches.items()),
        *(("input", f"'{name}' -> '{keras}'") for name, keras in result.inputs.items()),
        *(("output", f"'{name}'") for name in result.outputs),
        ("original", reference),
        ("data", f"{format_count(parity.samples, 'sample')}, sha256 {parity.inputs_sha256}"),
        ("versions", ", ".join(f"{key} {value}" for key, value in sorted(parity.versions.items()))),
    )
