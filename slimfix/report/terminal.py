"""The report for people at a terminal: plain text of at most 100 columns."""

from __future__ import annotations

from slimfix.migration.function import format_shape
from slimfix.parity.result import ParityResult
from slimfix.parity.verdicts import Verdict
from slimfix.report.columns import Column, Paint, Row, lay_out
from slimfix.report.formats import format_error, format_ulps
from slimfix.report.groups import group_notes, group_variables
from slimfix.report.layer_table import gradient_table, layer_table
from slimfix.report.levels import TITLES, every_level, format_compared, format_worst
from slimfix.report.order import worst_output
from slimfix.report.reasons import degraded, group_lines, likely_cause, not_compared, statistics
from slimfix.report.result import MigrationResult
from slimfix.report.summary import describe_source, describe_verdict
from slimfix.report.text import fields, wrap
from slimfix.report.training_tables import statistics_table, step_table

_FEW = 5  # Rows of the tables that go beyond inference.
_STEPS = 8
_COLOURS = {
    Verdict.IDENTICAL: "32",
    Verdict.EQUIVALENT: "32",
    Verdict.DEGRADED: "33",
    Verdict.EXPLAINED: "36",
    Verdict.DIFFERENT: "31;1",
}
_BOLD = "1"


def format_terminal(result: MigrationResult, colour: bool = False, rows: int = 12) -> str:
    """Returns the report as text.

    Args:
      result: of the migration.
      colour: write ANSI colours; they add to no line's visible width.
      rows: how many layers to show; the outputs' rows come on top of that where they are not
        among the worst. As many weights and settings that differ are listed.
    Returns: str, lines of at most 100 columns, the last with its line end.
    """

    def paint(text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if colour else text

    def paint_verdict(text: str, verdict: Verdict) -> str:
        return paint(text, _COLOURS[verdict])

    parity = result.parity
    word = paint_verdict(parity.verdict.value.upper(), parity.verdict)
    sections: tuple[tuple[str, list[str]], ...] = (
        ("Source", fields(describe_source(result))),
        ("Variables accounted for", _variables(result)),
        ("Levels", _levels(parity, paint_verdict)),
        ("Weights, settings and operations (L0)", _weights(parity, rows)),
        (
            "Layers, worst first (L1)",
            layer_table(parity.layers, rows, paint_verdict, parity.outputs),
        ),
        ("Output", _output(parity)),
        *_training(parity, min(rows, _FEW), paint_verdict),
        ("Likely cause", likely_cause(parity.diagnosis)),
        ("Why float32 is worse", degraded(parity)),
        ("Not compared", not_compared(parity)),
        ("Notes", group_lines(group_notes(result.notes), "scope")),
        (f"Verdict: {word}", [line for text in describe_verdict(result) for line in wrap(text)]),
        ("Files written", fields(result.files.items())),
    )
    blocks = ["\n".join([paint(title, _BOLD), *lines]) for title, lines in sections if lines]
    return "\n\n".join(blocks) + "\n"


def _training(parity: ParityResult, shown: int, paint: Paint) -> list[tuple[str, list[str]]]:
    sections = []
    if parity.training is not None:
        table = layer_table(parity.training, shown, paint)
        sections.append(("Layers in training mode, worst first (L2)", table))
    if parity.training is not None or any(row.reason for row in parity.statistics):
        table = statistics_table(parity.statistics, shown, paint)
        sections.append(("Moving statistics, worst first (L2)", table + statistics(parity)))
    if parity.gradients is not None:
        table = gradient_table(parity.gradients, shown, paint)
        sections.append(("Gradients, worst first (L3)", table))
    if parity.trajectory is not None:
        sections.append(("Steps (L4)", step_table(parity.trajectory, _STEPS, paint)))
    return sections


def _levels(parity: ParityResult, paint: Paint) -> list[str]:
    columns = (Column(""), Column("what"), Column("compared"), Column("worst float64", right=True))
    rows = []
    for level, record in every_level(parity).items():
        cells = (level.value, TITLES[level])
        if record is None:
            rows.append(Row((*cells, "not run", ""), None))
        else:
            rows.append(
                Row((*cells, format_compared(record), format_worst(record)), record.verdict)
            )
    return lay_out(columns, rows, paint)


def _variables(result: MigrationResult) -> list[str]:
    account = group_variables(result.variables)
    lines = wrap(
        f"{account.total} in the checkpoint = {len(account.migrated)} migrated "
        f"+ {account.left_out_count} left out + {len(account.lost)} lost"
    )
    for reason, fates in account.left_out.items():
        lines += wrap(f"{len(fates)} left out: {reason}", "    ", "      ")
    for fate in account.lost:
        lines += wrap(f"lost: {fate.variable}", "    ", "      ")
    return lines


def _weights(parity: ParityResult, rows: int) -> list[str]:
    weights, settings = parity.weights, parity.settings
    lines = [
        f"  {weights.equal} of {weights.compared} weights bit-equal to the checkpoint",
        f"  {settings.equal} of {settings.compared} settings as planned "
        "(momentum, rates, regularizers, ...)",
        *_structure(parity),
    ]
    different = parity.unequal
    for line in different[:rows]:
        lines += wrap(f"different: {line}", "    ", "      ")
    if len(different) > rows:
        lines.append(f"    and {len(different) - rows} more")
    return lines


def _structure(parity: ParityResult) -> list[str]:
    structure = parity.structure
    lines = [f"  {structure.equal} of {structure.compared} operations as planned, and wired so"]
    for line in structure.allowed:
        lines += wrap(f"allowed by name: {line}", "    ", "      ")
    for line in structure.by_numbers:
        lines += wrap(f"in another form, by the values: {line}", "    ", "      ")
    return lines


def _output(parity: ParityResult) -> list[str]:
    row = worst_output(parity)
    which = f"worst of {len(parity.outputs)}: " if len(parity.outputs) > 1 else ""
    return wrap(
        f"{which}'{row.tensor}' {format_shape(row.shape)}: {row.verdict.value}; error in float64 "
        f"{format_error(row.function_error)}; in float32 {format_error(row.original_error)} "
        f"original ({format_ulps(row.original_ulps)} ulp), {format_error(row.keras_error)} Keras "
        f"({format_ulps(row.keras_ulps)} ulp)"
    )
