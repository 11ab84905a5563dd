"""The report as one HTML file that needs nothing else: no network, no assets, no framework."""

from __future__ import annotations

import collections

from slimfix.report import explanations, groups, levels, order, plots, summary
from slimfix.report.result import MigrationResult
from slimfix.report.templates import load_template


def format_html(result: MigrationResult) -> str:
    """Returns the report as the text of one HTML file, to be written as UTF-8.

    Names come from graphs and files that anyone may have made; all of them are escaped.
    """
    parity = result.parity
    silent = explanations.silent_layers(parity)
    verdicts = sorted((row.verdict for row in parity.layers), key=lambda verdict: verdict.rank)
    return load_template("parity.html").render(
        result=result,
        parity=parity,
        account=groups.group_variables(result.variables),
        different=parity.unequal,
        reasons=groups.group_reasons(parity.statistics),
        causes=groups.group_causes(parity),
        silent=[f"{number} of {layer}" for layer, number in silent.items()],
        counts=collections.Counter(verdict.value for verdict in verdicts),
        explanations=explanations,
        groups=groups,
        levels=levels,
        order=order,
        plots=plots,
        summary=summary,
    )
