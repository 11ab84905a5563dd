"""The report as one HTML file that needs nothing else: no network, no assets, no framework."""

from __future__ import annotations

import html
import pathlib
import string
from typing import Iterable

from slimfix.migration.account import VariableFate
from slimfix.parity.result import LayerParity, Verdict
from slimfix.report.cards import summary_cards
from slimfix.report.formats import format_count, format_error, format_shape
from slimfix.report.groups import fate_word, group_notes
from slimfix.report.markup import Cell, definitions, paragraphs, table
from slimfix.report.plot import plot_errors, plot_legend, plot_remark
from slimfix.report.result import MigrationResult
from slimfix.report.summary import describe_source, describe_verdict, worst_first

_TEMPLATE = pathlib.Path(__file__).with_name("parity.html")
_LAYER_HEADERS = (
    "#",
    "Layer",
    "Kind",
    "Shape",
    "Float64 error",
    "Float32 error, original",
    "Float32 error, Keras",
    "Verdict",
)
_VARIABLE_HEADERS = ("Variable", "Shape", "Type", "Role", "Fate", "Keras weights, or the reason")


def format_html(result: MigrationResult) -> str:
    """Returns the report as the text of one HTML file, to be written as UTF-8.

    Names come from graphs and files that anyone may have made; all of them are escaped.
    """
    parity = result.parity
    template = string.Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(f"{parity.verdict.value}: {result.checkpoint}"),
        checkpoint=html.escape(result.checkpoint),
        verdict=parity.verdict.value,
        sentences=paragraphs(describe_verdict(result)),
        cards=summary_cards(result),
        plot=plot_errors(parity.layers),
        legend=plot_legend(),
        plot_remark=html.escape(plot_remark(parity.layers)),
        layers=_layers(result),
        weights=_different_weights(result),
        notes=_notes(result),
        variables=_variables(result.variables),
        source=_source(result),
    )


def _layers(result: MigrationResult) -> str:
    parity = result.parity
    depth = {id(row): place for place, row in enumerate(parity.layers, 1)}
    return table(
        "Layers, worst first",
        _LAYER_HEADERS,
        (
            _layer(row, depth[id(row)], row.tensor in parity.outputs)
            for row in worst_first(parity.layers)
        ),
        heading=1,
    )


def _layer(row: LayerParity, depth: int, output: bool) -> list[Cell]:
    detail = [f"tensor {row.tensor}"]
    if not row.tensor.startswith(row.scope):
        detail.insert(0, f"scope {row.scope}")
    if output:
        detail.append("output")
    errors = (row.function_error, row.original_error, row.keras_error)
    return [
        Cell(str(depth), value=depth, css="number"),
        Cell(row.layer, tuple(detail)),
        Cell(row.kind),
        Cell(format_shape(row.shape)),
        *(Cell(format_error(error), value=error, css="number") for error in errors),
        Cell(row.verdict.value, value=list(Verdict).index(row.verdict), css=row.verdict.value),
    ]


def _variables(variables: Iterable[VariableFate]) -> str:
    rows = (
        [
            Cell(fate.variable),
            Cell(format_shape(fate.shape)),
            Cell(fate.dtype),
            Cell(fate.role),
            Cell(fate_word(fate), css=fate_word(fate).replace(" ", "-")),
            Cell(", ".join(fate.weights) or fate.reason, css="long"),
        ]
        for fate in variables
    )
    return table("Variables of the checkpoint", _VARIABLE_HEADERS, rows)


def _different_weights(result: MigrationResult) -> str:
    lines = result.parity.weights.different + result.parity.settings.different
    if not lines:
        return ""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return (
        f"<h2>Weights that are not bit-equal, settings that are not as planned</h2><ul>{items}</ul>"
    )


def _notes(result: MigrationResult) -> str:
    groups = group_notes(result.notes)
    if not groups:
        return "<p>Nothing is known that would make training differ from slim.</p>"
    return "\n".join(
        f"<p>{html.escape(group.note)}<br><small>In {format_count(len(group.scopes), 'scope')}: "
        f"{html.escape(', '.join(group.scopes))}</small></p>"
        for group in groups
    )


def _source(result: MigrationResult) -> str:
    source = [(label.capitalize(), text) for label, text in describe_source(result)]
    return definitions(
        [*source, *((f"Written: {what}", path) for path, what in result.files.items())]
    )
