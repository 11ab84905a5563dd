"""The HTML report's tables of layers and of gradients."""

from __future__ import annotations

from typing import Collection, Sequence

from slimfix.parity.rows import LayerParity
from slimfix.parity.verdicts import Verdict
from slimfix.report.formats import format_count, format_error, format_shape, format_ulps
from slimfix.report.markup import Cell, table
from slimfix.report.order import worst_first

_ERRORS = ("Float64 error", "Float32 error, original", "Float32 error, Keras")
_LAYER_HEADERS = ("#", "Layer", "Verdict", "Kind", "Shape", *_ERRORS)
_GRADIENT_HEADERS = ("#", "Gradient of", "Verdict", "Kind", "Shape", *_ERRORS)


def layers_table(caption: str, layers: Sequence[LayerParity], outputs: Collection[str] = ()) -> str:
    """Returns the table of layers, worst first; those of `outputs` say that they are one."""
    return _table(
        caption,
        _LAYER_HEADERS,
        layers,
        [_layer_name(row, row.tensor in outputs) for row in layers],
    )


def gradients_table(caption: str, gradients: Sequence[LayerParity]) -> str:
    """Returns the table of gradients, worst first, named by what they are taken of."""
    return _table(caption, _GRADIENT_HEADERS, gradients, [_gradient_name(row) for row in gradients])


def verdict_cell(verdict: Verdict) -> Cell:
    """Returns the cell of a verdict; it sorts from best to worst."""
    return Cell(verdict.value, value=list(Verdict).index(verdict), css=verdict.value)


def error_cell(error: float | None, detail: tuple[str, ...] = ()) -> Cell:
    """Returns the cell of an error; one that is not known sorts below all others."""
    if error is None:
        return Cell("-", value=-1.0, css="number")
    return Cell(format_error(error), detail, value=error, css="number")


def _table(
    caption: str, headers: Sequence[str], layers: Sequence[LayerParity], names: Sequence[Cell]
) -> str:
    place = {id(row): at for at, row in enumerate(layers)}
    ordered = [(row, place[id(row)]) for row in worst_first(layers)]
    rows = [
        [
            Cell(str(at + 1), value=at + 1, css="number"),
            names[at],
            verdict_cell(row.verdict),  # Where a phone shows it without scrolling.
            Cell(row.kind),
            Cell(format_shape(row.shape)),
            error_cell(row.function_error),
            error_cell(row.original_error, _ulps(row.original_ulps)),
            error_cell(row.keras_error, _ulps(row.keras_ulps)),
        ]
        for row, at in ordered
    ]
    return table(caption, headers, rows, heading=1)


def _ulps(ulps: float) -> tuple[str, ...]:
    return (f"{format_ulps(ulps)} ulp",)


def _layer_name(row: LayerParity, output: bool) -> Cell:
    detail = [f"tensor {row.tensor}"]
    if not row.tensor.startswith(row.scope):
        detail.insert(0, f"scope {row.scope}")
    if output:
        detail.append("output")
    return Cell(row.layer, (*detail, *_remarks(row)))


def _gradient_name(row: LayerParity) -> Cell:
    return Cell(row.tensor, (f"layer {row.layer}", *_remarks(row)))


def _remarks(row: LayerParity) -> tuple[str, ...]:
    silent = f"{format_count(row.silent, 'channel')} zero everywhere, not compared"
    return (*([silent] if row.silent else []), *([f"cause: {row.cause}"] if row.cause else []))
