"""What the faces of the report say in common: the verdict in sentences, and the source."""

from __future__ import annotations

from typing import Iterator

from slimfix.errors import count
from slimfix.parity.result import LevelParity, ParityResult
from slimfix.parity.verdicts import Level, Verdict
from slimfix.report.domain import describe_domain, describe_variant
from slimfix.report.failures import describe_failures
from slimfix.report.groups import group_reasons, group_variables
from slimfix.report.levels import TITLES, format_compared
from slimfix.report.order import worst_output
from slimfix.report.result import MigrationResult

_SAME_FUNCTION = {
    Verdict.IDENTICAL: "float32 values are equal to the bit",
    Verdict.EQUIVALENT: "its float32 error is like the original's own",
    Verdict.DEGRADED: "the float32 error of some layers is over four times the original's own",
    Verdict.EXPLAINED: "some values differ for a stated reason alone",
}
_SAME = {
    Verdict.IDENTICAL: "are equal to the bit",
    Verdict.EQUIVALENT: "are the same, with float32 errors like the original's own",
    Verdict.DEGRADED: "are the same, some with over four times the original's own float32 error",
    Verdict.EXPLAINED: "are the same, some once a stated reason is taken out",
}


def describe_verdict(result: MigrationResult) -> tuple[str, ...]:
    """Returns the verdict as full sentences, the one that matters most first."""
    parity = result.parity
    ran = {level.level: level for level in parity.levels}
    sentences = describe_failures(parity)
    if not sentences:
        sentences += _inference(result, ran[Level.INFERENCE], "The")
    elif ran[Level.WEIGHTS].passed and ran[Level.INFERENCE].passed:
        sentences += _inference(result, ran[Level.INFERENCE], "In inference (L1) the")
    for level in (Level.TRAINING, Level.GRADIENTS, Level.TRAJECTORY):
        if level in ran and ran[level].passed:
            sentences.append(_beyond_inference(ran[level]))
    sentences += _reasons(parity)
    if parity.structure.allowed:
        sentences.append(
            f"{count(len(parity.structure.allowed), 'operation')} that the original does not have "
            "allowed by name: " + "; ".join(parity.structure.allowed) + "."
        )
    sentences += [
        f"Output '{row.tensor}' is {row.keras_dtype}; in the original it is {row.original_dtype}."
        for row in parity.layers
        if row.tensor in parity.outputs and row.keras_dtype != row.original_dtype
    ]
    domain = describe_domain(parity.domain)
    if domain and parity.passed:
        sentences.append(f"Compared: {domain}. What it does on inputs of other kinds is not known.")
    lost = group_variables(result.variables).lost
    if lost:
        sentences.append(f"{count(len(lost), 'variable')} of the checkpoint unaccounted for.")
    return tuple(sentences)


def _inference(result: MigrationResult, level: LevelParity, the: str) -> Iterator[str]:
    parity = result.parity
    yield f"{the} Keras model computes {result.proved}; {_SAME_FUNCTION[level.verdict]}."
    degraded = sum(row.verdict is Verdict.DEGRADED for row in parity.layers)
    if degraded:
        yield (
            f"{degraded} of {count(len(parity.layers), 'layer')} round so much; the worst "
            f"output is {worst_output(parity).verdict.value}."
        )


def _beyond_inference(level: LevelParity) -> str:
    what = f"there are no {level.noun} to compare"
    if level.compared:
        what = f"all {format_compared(level)} {_SAME[level.verdict]}"
    return f"Level {level.level.value}, {TITLES[level.level]}: {what}."


def _reasons(parity: ParityResult) -> Iterator[str]:
    for variant in parity.domain.variants if parity.domain else ():
        if variant.verdict is Verdict.EXPLAINED:
            yield f"On {describe_variant(variant)}: {variant.cause}."
    explained = [row for row in parity.statistics if row.verdict is Verdict.EXPLAINED]
    for group in group_reasons(explained):
        yield (
            f"{len(group.scopes)} of {count(len(parity.statistics), 'moving statistic')} "
            f"take other values in a training step, for this reason: {group.note}."
        )


def describe_source(result: MigrationResult) -> tuple[tuple[str, str], ...]:
    """Returns (label, text) pairs: what was read, what was chosen, and what computed it."""
    parity = result.parity
    reference = parity.reference.description
    if parity.reference.recorded_tensors:
        checked = count(parity.reference.recorded_tensors, "recorded tensor")
        reference += f"; {checked} checked against float64"
    return (
        ("checkpoint", result.checkpoint),
        ("meta", result.meta),
        *(("switch", f"'{name}' = {value}") for name, value in result.switches.items()),
        *(("input", f"'{name}' -> '{keras}'") for name, keras in result.inputs.items()),
        *(("output", f"'{name}'") for name in result.outputs),
        ("original", reference),
        ("data", f"{count(parity.samples, 'sample')}, sha256 {parity.inputs_sha256}"),
        *(("sha256", f"{digest} {path}") for path, digest in result.checksums.items()),
        ("versions", ", ".join(f"{key} {value}" for key, value in sorted(parity.versions.items()))),
    )
