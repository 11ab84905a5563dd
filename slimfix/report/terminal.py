"""The report for people at a terminal: plain text of at most 100 columns."""

from __future__ import annotations

from typing import Sequence

from slimfix.parity.result import ParityResult, Verdict
from slimfix.report.formats import format_count, format_error, format_shape
from slimfix.report.groups import group_notes, group_variables
from slimfix.report.layer_table import layer_table
from slimfix.report.result import MigrationResult
from slimfix.report.summary import describe_source, describe_verdict, worst_output
from slimfix.report.text import fields, wrap

_SCOPES_SHOWN = 6
_COLOURS = {
    Verdict.IDENTICAL: "32",
    Verdict.EQUIVALENT: "32",
    Verdict.DEGRADED: "33",
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

    verdict = result.parity.verdict
    word = paint_verdict(verdict.value.upper(), verdict)
    sections: Sequence[tuple[str, list[str]]] = (
        ("Source", fields(describe_source(result))),
        ("Variables accounted for", _variables(result)),
        ("Weights and settings", _weights(result.parity, rows)),
        ("Layers, worst first", layer_table(result.parity, rows, paint_verdict)),
        ("Output", _output(result.parity)),
        ("Notes", _notes(result)),
        (f"Verdict: {word}", [line for text in describe_verdict(result) for line in wrap(text)]),
        ("Files written", fields(result.files.items())),
    )
    blocks = ["\n".join([paint(title, _BOLD), *lines]) for title, lines in sections if lines]
    return "\n\n".join(blocks) + "\n"


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
    same = settings.compared - len(settings.different)
    lines = [
        f"  {weights.compared - len(weights.different)} of {weights.compared} weights bit-equal to "
        "the checkpoint",
        f"  {same} of {settings.compared} settings as planned (momentum, rates, regularizers, ...)",
    ]
    different = [*weights.different, *settings.different]
    for line in different[:rows]:
        lines += wrap(f"different: {line}", "    ", "      ")
    if len(different) > rows:
        lines.append(f"    and {len(different) - rows} more")
    return lines


def _output(parity: ParityResult) -> list[str]:
    row = worst_output(parity)
    which = f"worst of {len(parity.outputs)}: " if len(parity.outputs) > 1 else ""
    return wrap(
        f"{which}'{row.tensor}' {format_shape(row.shape)}: {row.verdict.value}; error in float64 "
        f"{format_error(row.function_error)}; in float32 {format_error(row.original_error)} "
        f"original, {format_error(row.keras_error)} Keras"
    )


def _notes(result: MigrationResult) -> list[str]:
    lines = []
    for group in group_notes(result.notes):
        scopes = ", ".join(f"'{scope}'" for scope in group.scopes[:_SCOPES_SHOWN])
        more = len(group.scopes) - _SCOPES_SHOWN
        lines += wrap(group.note)
        lines += wrap(
            f"in {format_count(len(group.scopes), 'scope')}: {scopes}"
            + (f" and {more} more" if more > 0 else ""),
            "    ",
            "      ",
        )
    return lines
