"""The terminal report's tables of layers and of gradients."""

from __future__ import annotations

from typing import Collection, Sequence

from slimfix.errors import count
from slimfix.parity.rows import LayerParity
from slimfix.report.columns import ERROR, Column, Paint, Row, lay_out
from slimfix.report.formats import format_error
from slimfix.report.order import worst_first
from slimfix.report.text import wrap

_KIND = 20  # Columns, at most; 'BatchNormalization' is 18.


def layer_table(
    layers: Sequence[LayerParity], shown: int, paint: Paint, outputs: Collection[str] = ()
) -> list[str]:
    """Returns the lines of the table: the worst `shown` layers, and every output."""
    ordered = worst_first(layers)
    rows = [row for place, row in enumerate(ordered) if place < shown or row.tensor in outputs]
    table = _table("layer", [row.layer for row in rows], rows, paint, outputs)
    marked = "; * an output" if outputs else ""
    return [
        *table,
        *wrap(
            f"{len(rows)} of {count(len(ordered), 'layer')} shown{marked}. Errors are "
            "the largest difference to the float64 original, as a share of the channel's largest "
            "value."
        ),
    ]


def gradient_table(gradients: Sequence[LayerParity], shown: int, paint: Paint) -> list[str]:
    """Returns the lines of the table: the worst `shown` gradients, by what they are taken of."""
    rows = worst_first(gradients)[:shown]
    table = _table("gradient of", [row.tensor for row in rows], rows, paint)
    return [*table, *wrap(f"{len(rows)} of {count(len(gradients), 'gradient')} shown.")]


def _table(
    header: str,
    names: Sequence[str],
    rows: Sequence[LayerParity],
    paint: Paint,
    outputs: Collection[str] = (),
) -> list[str]:
    columns = (
        Column(header, most=None),
        Column("kind", most=_KIND),
        *(Column(name, ERROR, ERROR, right=True) for name in ("float64", "original", "Keras")),
    )
    lines = lay_out(
        columns,
        [
            Row((name, row.kind, *_errors(row)), row.verdict, "*" if row.tensor in outputs else " ")
            for name, row in zip(names, rows)
        ],
        paint,
    )
    end = lines[0].rindex("float64") + len("float64")
    return [f"{'error in':>{end}}  {'error in float32':>{2 * ERROR + 2}}", *lines]


def _errors(row: LayerParity) -> tuple[str, ...]:
    errors = (row.function_error, row.original_error, row.keras_error)
    return tuple(format_error(error) for error in errors)
