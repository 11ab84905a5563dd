"""What is different, in full sentences: of each level the first row, and how many there are."""

from __future__ import annotations

from typing import Iterator, Sequence

from slimfix.errors import count
from slimfix.parity.result import ParityResult
from slimfix.parity.rows import DomainParity, LayerParity, StatisticParity, TrajectoryParity
from slimfix.parity.verdicts import Verdict
from slimfix.report.domain import describe_variant
from slimfix.report.formats import format_error


def describe_failures(parity: ParityResult) -> list[str]:
    """Returns a sentence or two for each level that failed, L0 last; [] where none did."""
    return [
        *_layers(parity.layers),
        *_variants(parity.domain),
        *_training(parity.training or ()),
        *_statistics(parity.statistics),
        *_gradients(parity.gradients or ()),
        *(_steps(parity.trajectory) if parity.trajectory else ()),
        *_weights(parity),
    ]


def _layers(rows: Sequence[LayerParity]) -> Iterator[str]:
    different = [row for row in rows if row.verdict is Verdict.DIFFERENT]
    if different:
        yield f"The first layer that computes another function is {_place(different[0], rows)}."
        where = "float32" if all(row.cause for row in different) else "float64"
        yield f"{len(different)} of {count(len(rows), 'layer')} differ in {where}."


def _variants(domain: DomainParity | None) -> Iterator[str]:
    for each in domain.different[:1] if domain else ():
        where = f"On {describe_variant(each)}"
        if each.layer is None:
            yield f"{where}: {each.cause}."
            continue
        yield (
            f"{where} the model computes another function, on other inputs the same. The first "
            f"layer that differs there is '{each.layer.layer}' ({each.layer.kind}), tensor "
            f"'{each.layer.tensor}': float64 error {format_error(each.layer.function_error)}."
        )


def _training(rows: Sequence[LayerParity]) -> Iterator[str]:
    different = [row for row in rows if row.verdict is Verdict.DIFFERENT]
    if different:
        yield (
            "Level L2: the first layer that computes another function in training mode is "
            f"{_place(different[0], rows)}."
        )
        yield f"{len(different)} of {count(len(rows), 'layer')} differ in training mode."


def _place(row: LayerParity, rows: Sequence[LayerParity]) -> str:
    return (
        f"'{row.layer}' ({row.kind}, number {rows.index(row) + 1} of {len(rows)} in data-flow "
        f"order), tensor '{row.tensor}': float64 error {format_error(row.function_error)}"
    )


def _statistics(rows: Sequence[StatisticParity]) -> Iterator[str]:
    different = [row for row in rows if row.verdict is Verdict.DIFFERENT]
    if different:
        first = different[0]
        error = first.unexplained_error
        size = "" if error is None else f": float64 error {format_error(error)}"
        yield (
            "Level L2: the first moving statistic that one training step moves otherwise is "
            f"'{first.variable}'{size}."
        )
        yield f"{len(different)} of {count(len(rows), 'moving statistic')} differ."


def _gradients(rows: Sequence[LayerParity]) -> Iterator[str]:
    different = [row for row in rows if row.verdict is Verdict.DIFFERENT]
    if different:
        first = different[0]
        yield (
            f"Level L3: the first gradient that differs is that of '{first.tensor}' ({first.kind} "
            f"of layer '{first.layer}'): float64 error {format_error(first.function_error)}."
        )
        yield f"{len(different)} of {count(len(rows), 'gradient')} differ."


def _steps(trajectory: TrajectoryParity) -> Iterator[str]:
    different = [step for step in trajectory.steps if step.verdict is Verdict.DIFFERENT]
    if different:
        first = different[0]
        yield (
            f"Level L4: the first optimizer step that differs is number {first.step} of "
            f"{len(trajectory.steps)}: float64 error of the loss "
            f"{format_error(first.loss_errors[0])}, of the weight '{first.worst_weight}' "
            f"{format_error(first.weight_errors[0])}."
        )


def _weights(parity: ParityResult) -> Iterator[str]:
    weights, settings = parity.weights, parity.settings
    if weights.different:
        yield (
            f"{len(weights.different)} of {count(weights.compared, 'weight')} read back "
            "from the Keras file do not have the checkpoint's bits."
        )
    if settings.different:
        yield (
            f"{len(settings.different)} of {count(settings.compared, 'setting')} read back "
            "from the Keras file are not as planned."
        )
    wrong = len(parity.structure.different)
    if wrong:
        are = "is" if wrong == 1 else "are"
        yield (
            f"{count(wrong, 'operation')} of the model or of the original {are} not on the other "
            "side."
        )
