"""The report as one HTML file that needs nothing else: no network, no assets, no framework."""

from __future__ import annotations

import html
import pathlib
import string
from typing import Iterable

from slimfix.migration.account import VariableFate
from slimfix.parity.result import ParityResult
from slimfix.report.cards import summary_cards
from slimfix.report.formats import format_shape
from slimfix.report.groups import fate_word, group_notes
from slimfix.report.html_layers import gradients_table, layers_table
from slimfix.report.html_levels import level_strip
from slimfix.report.html_reasons import note_group, reasons
from slimfix.report.html_training import statistics_table, steps_table
from slimfix.report.markup import Cell, definitions, paragraphs, section, table
from slimfix.report.plots import draw_layers, draw_steps
from slimfix.report.result import MigrationResult
from slimfix.report.summary import describe_source, describe_verdict

_TEMPLATE = pathlib.Path(__file__).with_name("parity.html")
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
        levels=level_strip(parity),
        cards=summary_cards(result),
        sections="\n".join(_sections(result)),
    )


def _sections(result: MigrationResult) -> Iterable[str]:
    parity = result.parity
    yield section("What is not equal, and why", reasons(parity))
    yield section("Error by depth", draw_layers(parity.layers, "plot", "Error by depth"))
    yield section(
        "Layers in inference (L1)",
        layers_table("Layers, worst first", parity.layers, parity.outputs),
    )
    yield from _training(parity)
    yield section(
        "Notes: what was taken for granted, and where training will differ from slim",
        _notes(result),
    )
    yield section("Variables", _variables(result.variables))
    yield section("Source and versions", _source(result))


def _training(parity: ParityResult) -> Iterable[str]:
    if parity.training is not None:
        yield section(
            "Layers in training mode (L2)",
            draw_layers(parity.training, "training", "Error by depth in training mode"),
            layers_table("Layers in training mode, worst first", parity.training),
        )
    yield section(
        "Moving statistics, before and after one training step (L2)",
        statistics_table(parity.statistics),
    )
    if parity.gradients is not None:
        yield section("Gradients (L3)", gradients_table("Gradients, worst first", parity.gradients))
    if parity.trajectory is not None:
        yield section(
            "Trajectory (L4)", draw_steps(parity.trajectory), steps_table(parity.trajectory)
        )


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


def _notes(result: MigrationResult) -> str:
    groups = group_notes(result.notes)
    if not groups:
        return "<p>Nothing is known that would make training differ from slim.</p>"
    return "\n".join(note_group(group, "scope") for group in groups)


def _source(result: MigrationResult) -> str:
    source = [(label.capitalize(), text) for label, text in describe_source(result)]
    return definitions(
        [*source, *((f"Written: {what}", path) for path, what in result.files.items())]
    )
