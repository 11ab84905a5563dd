"""The terminal report's table of layers."""

from __future__ import annotations

from typing import Callable, Sequence

from slimfix.parity.result import LayerParity, ParityResult, Verdict
from slimfix.report.formats import format_count, format_error, printable, shorten_middle
from slimfix.report.summary import worst_first
from slimfix.report.text import WIDTH, wrap

_HEADERS = ("layer", "kind", "float64", "original", "Keras", "verdict")
_KIND = 20  # Columns, at most; 'BatchNormalization' is 18.
_ERROR = 8  # 'original'; '1.2e-300' too.
_VERDICT = max(len(verdict.value) for verdict in Verdict)


def layer_table(parity: ParityResult, rows: int, paint: Callable[[str, Verdict], str]) -> list[str]:
    """Returns the lines of the table: the worst `rows` layers, and every output.

    Args:
      paint: colours the text of a verdict; must not change its visible width.
    """
    ordered = worst_first(parity.layers)
    shown = [
        row for place, row in enumerate(ordered) if place < rows or row.tensor in parity.outputs
    ]
    kind = min(_KIND, _widest("kind", [row.kind for row in shown]))
    room = WIDTH - 2 - (2 + kind) - 3 * (2 + _ERROR) - (2 + _VERDICT)
    name = min(room, _widest("layer", [row.layer for row in shown]))

    def line(marker: str, cells: Sequence[str], verdict: str) -> str:
        first = shorten_middle(printable(cells[0]), name)
        second = shorten_middle(printable(cells[1]), kind)
        errors = "".join(f"  {cell:>{_ERROR}}" for cell in cells[2:])
        return f"{marker} {first:<{name}}  {second:<{kind}}{errors}  {verdict}"

    def row_line(row: LayerParity) -> str:
        errors = map(format_error, (row.function_error, row.original_error, row.keras_error))
        marker = "*" if row.tensor in parity.outputs else " "
        return line(marker, [row.layer, row.kind, *errors], paint(row.verdict.value, row.verdict))

    above = f"  {'error in':>{_ERROR}}  {'error in float32':>{2 * _ERROR + 2}}"
    return [
        " " * (2 + name + 2 + kind) + above,
        line(" ", _HEADERS[:-1], _HEADERS[-1]),
        *(row_line(row) for row in shown),
        *wrap(
            f"{len(shown)} of {format_count(len(ordered), 'layer')} shown; * an output. Errors are "
            "the largest difference to the float64 original, as a share of the channel's largest "
            "value."
        ),
    ]


def _widest(header: str, names: Sequence[str]) -> int:
    return max([len(header), *(len(printable(name)) for name in names)])
